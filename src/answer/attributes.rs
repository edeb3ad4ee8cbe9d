//! What `!GetAtt` returns.

use super::cut;
use crate::decision::outcome::Ready;
use crate::model::ids::join;
use crate::model::tags::Holder;
use serde::Serialize;

/// The attributes of a successful Create or Update, in the order of the documentation. All are strings; lists are joined
/// by commas, and what does not apply is empty. The README has the table of what each means; a test holds the two
/// together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    pub endpoint_id: String,
    /// The regional name that AWS assigned.
    pub dns_name: String,
    pub private_dns_name: String,
    /// The private DNS name if there is one, because TLS verification needs it; else the regional name.
    pub host: String,
    pub port: String,
    pub zonal_dns_names: String,
    /// `hosted zone:name`, as the native resource has them.
    pub dns_entries: String,
    /// The hosted zone of the regional name.
    pub hosted_zone_id: String,
    pub vpc_id: String,
    pub service_name: String,
    pub subnet_ids: String,
    pub availability_zone_ids: String,
    pub network_interface_ids: String,
    pub security_group_ids: String,
    pub ip_address_type: String,
    pub creation_timestamp: String,
    pub reused: String,
    pub ownership: String,
    pub shared_with: String,
    pub warnings: String,
    pub user_prefix: String,
    /// The user that every cluster has.
    pub user_name: String,
    pub jdbc_url: String,
    pub mysql_command: String,
}

impl Attributes {
    pub(super) fn new(ready: &Ready, holder: &Holder) -> Self {
        let endpoint = &ready.endpoint;
        let aws_entries = endpoint.aws_entries();
        let regional = aws_entries.first();
        let dns_name = regional.map(|entry| entry.name.clone()).unwrap_or_default();
        let host = ready.private_dns_name.clone().unwrap_or_else(|| dns_name.clone());
        let port = ready.port;
        let with_zone = endpoint.dns_entries.iter().filter(|entry| !entry.is_zone_pending());
        let user_prefix = ready.user_prefix.clone().unwrap_or_default();
        let user_name = if user_prefix.is_empty() { String::new() } else { format!("{user_prefix}.root") };
        let (user, option) = match user_name.as_str() {
            "" => (String::new(), "-u".to_owned()),
            name => (format!("user={name}&"), format!("-u {name}")),
        };
        let regional_zone = regional.filter(|entry| !entry.is_zone_pending());
        Self {
            endpoint_id: endpoint.id.to_string(),
            private_dns_name: ready.private_dns_name.clone().unwrap_or_default(),
            port: port.to_string(),
            zonal_dns_names: join(aws_entries.iter().skip(1).map(|entry| &entry.name), ","),
            dns_entries: join(with_zone.map(|entry| format!("{}:{}", entry.hosted_zone_id, entry.name)), ","),
            hosted_zone_id: regional_zone.map(|entry| entry.hosted_zone_id.clone()).unwrap_or_default(),
            vpc_id: endpoint.vpc_id.to_string(),
            service_name: endpoint.service_name.to_string(),
            subnet_ids: join(&endpoint.subnet_ids, ","),
            availability_zone_ids: join(&ready.zones, ","),
            network_interface_ids: join(&endpoint.network_interface_ids, ","),
            security_group_ids: join(&endpoint.group_ids, ","),
            ip_address_type: endpoint.ip_address_type.clone(),
            creation_timestamp: endpoint.created_at.map(|at| at.to_string()).unwrap_or_default(),
            reused: (!holder.is_owner(&endpoint.tags)).to_string(),
            ownership: if endpoint.is_owned() { "Owned" } else { "Foreign" }.to_owned(),
            shared_with: holder.others(&endpoint.tags).len().to_string(),
            warnings: join(&ready.warnings, " "),
            // What TiDB Cloud's console shows, with the private host.
            jdbc_url: format!("jdbc:mysql://{host}:{port}/test?{user}sslMode=VERIFY_IDENTITY"),
            // The path is where Amazon Linux keeps its certificates.
            mysql_command: format!(
                "mysql -h {host} -P {port} -D test --ssl-mode=VERIFY_IDENTITY \
                 --ssl-ca=/etc/pki/tls/certs/ca-bundle.crt -p {option}"
            ),
            user_prefix,
            user_name,
            dns_name,
            host,
        }
    }

    /// Shrinks the attribute that is needed least and has anything left; `false` if there is none. Warnings are cut, lists
    /// lose their last item, and everything else stays whole.
    pub(super) fn shrink(&mut self, excess: usize) -> bool {
        if cut(&mut self.warnings, excess) {
            return true;
        }
        let lists = [
            &mut self.network_interface_ids,
            &mut self.dns_entries,
            &mut self.zonal_dns_names,
            &mut self.security_group_ids,
            &mut self.subnet_ids,
            &mut self.availability_zone_ids,
        ];
        let Some(list) = lists.into_iter().find(|list| !list.is_empty()) else { return false };
        list.truncate(list.rfind(',').unwrap_or(0));
        true
    }
}
