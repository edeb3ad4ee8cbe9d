//! The connection check from a terminal: `bootstrap check HOST[:PORT] [--json]`.

use super::check;
use super::network::Network;
use super::tls::Tls;
use crate::check::Layer;
use crate::check::report::Step;
use crate::model::ids::join;
use crate::request::check::CheckSpec;
use crate::runtime::clock::Clock;
use std::io::{self, Write};

/// How the program is called, and what it does when it is not called by Lambda.
pub const USAGE: &str = "\
Usage: bootstrap check HOST[:PORT] [--json]

Checks from this host whether a client reaches TiDB Cloud through its private endpoint: the name resolves to the endpoint,
each address accepts connections, a MySQL server greets, and its certificate is valid for the name. It does not log in.

  HOST    the attribute Host of the endpoint
  PORT    the port [4000]
  --json  print one JSON object at the end instead of a line for each layer

SSL_CERT_FILE names a file of root certificates to use in place of the system's. The exit code is 0 if all checks pass,
1 if one fails, and 2 for a usage error.
";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Check { spec: CheckSpec, json: bool },
    Help,
}

impl Command {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
            return Ok(Self::Help);
        }
        let Some(("check", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) else {
            return Err("The only command is check.".to_owned());
        };
        let (flags, hosts): (Vec<&str>, Vec<&str>) =
            rest.iter().map(String::as_str).partition(|word| word.starts_with('-'));
        if let Some(unknown) = flags.iter().find(|flag| **flag != "--json") {
            return Err(format!("The option {} is not known.", unknown.escape_debug()));
        }
        let [host] = hosts.as_slice() else { return Err("Specify one HOST.".to_owned()) };
        match CheckSpec::from_argument(host) {
            Ok(spec) => Ok(Self::Check { spec, json: !flags.is_empty() }),
            Err(faults) => Err(join(&faults, " ")),
        }
    }
}

/// Checks once, and prints each layer as it happens. Returns whether everything is in order.
///
/// # Errors
/// Those of the output.
pub async fn run(
    network: &impl Network,
    tls: &Tls,
    spec: &CheckSpec,
    json: bool,
    clock: &Clock,
    out: &mut impl Write,
) -> io::Result<bool> {
    let now = clock.now();
    if json {
        let report = check(network, tls, spec, clock, now, &mut |_| {}).await;
        serde_json::to_writer_pretty(&mut *out, &report)?;
        writeln!(out)?;
        return Ok(report.reachable);
    }
    writeln!(out, "Checking {}", spec.target)?;
    let mut written = Ok(());
    let report = check(network, tls, spec, clock, now, &mut |step| {
        written = std::mem::replace(&mut written, Ok(())).and_then(|()| line(out, step));
    })
    .await;
    written?;
    writeln!(out, "\n{}", report.report)?;
    Ok(report.reachable)
}

/// One line for a layer. The sentence of a failure comes at the end, once for all addresses.
fn line(out: &mut impl Write, step: &Step) -> io::Result<()> {
    let Step { layer, address, passed, milliseconds, detail } = step;
    let mark = if *passed { '✓' } else { '✗' };
    let address = address.map(|address| address.to_string()).unwrap_or_default();
    let what = match (layer, passed) {
        (_, false) => "failed",
        (Layer::Tcp, true) => "connected",
        (_, true) => detail,
    };
    let what = if address.is_empty() { what.to_owned() } else { format!("{address}  {what}") };
    writeln!(out, "{mark} {layer:<9} {milliseconds:>6} ms  {what}")?;
    out.flush()
}
