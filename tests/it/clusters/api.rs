//! The client for TiDB Cloud's API: HTTP Digest, limits, and hostile servers.

use super::rejected;
use crate::cloud::*;
use ec2_sim::{Algorithm, TidbCloud as Sim, Verdict};
use jiff::SignedDuration;
use std::time::Duration;
use tidb_private_endpoint::model::api_key::ApiKey;
use tidb_private_endpoint::model::base_url::BaseUrl;
use tidb_private_endpoint::model::cluster::ClusterRef;
use tidb_private_endpoint::model::cluster_error::ClusterError;
use tidb_private_endpoint::tidb_cloud::TidbCloud;
use tidb_private_endpoint::tidb_cloud::digest::{Challenge, Signed};

fn key(public: &str, private: &str) -> ApiKey {
    ApiKey { public: public.to_owned(), private: private.to_owned() }
}

/// The response to a challenge.
fn response(challenge: &str, key: &ApiKey, client_nonce: &str) -> String {
    let challenge = Challenge::strongest([challenge]).unwrap();
    let signed = Signed { method: "GET", uri: "/dir/index.html", count: 1, client_nonce };
    let header = challenge.authorization(key, signed);
    let (_, response) = header.split_once("response=\"").unwrap();
    response.split('"').next().unwrap().to_owned()
}

#[test]
fn responses_are_those_of_the_rfcs() {
    // RFC 7616, section 3.9.1.
    let of_rfc_7616 = |algorithm: &str| {
        let challenge = format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let client_nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        response(&challenge, &key("Mufasa", "Circle of Life"), client_nonce)
    };
    assert_eq!(of_rfc_7616("MD5"), "8ca523f5e9506fed4657c9700eebdbec");
    assert_eq!(of_rfc_7616("SHA-256"), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    // RFC 2617, section 3.5: without an algorithm, it is MD5.
    let challenge = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                     nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    let of_rfc_2617 = response(challenge, &key("Mufasa", "Circle Of Life"), "0a4f113b");
    assert_eq!(of_rfc_2617, "6629fae49393a05397450978507c4ef1");
}

#[test]
fn challenges_of_every_form_are_read() {
    let nonce = |headers: &[&str]| Challenge::strongest(headers.iter().copied()).map(|challenge| challenge.nonce);
    let md5 = "Digest realm=\"r\", nonce=\"md5\", qop=\"auth\"";
    let sha256 = "digest NONCE=sha256,realm=\"a, \\\"quoted\\\" realm\" ,Algorithm=sha-256,qop=auth";
    assert_eq!(nonce(&[md5]), Some("md5".to_owned()));
    assert_eq!(nonce(&[md5, sha256]), Some("sha256".to_owned()), "the stronger of two");
    assert_eq!(nonce(&[&format!("Basic realm=\"x\", {sha256}, {md5}, Negotiate")]), Some("sha256".to_owned()));
    assert_eq!(Challenge::strongest([sha256]).unwrap().realm, "a, \"quoted\" realm");
    assert!(Challenge::strongest(["Digest realm=r, nonce=n, qop=auth, stale=TRUE"]).unwrap().is_stale);
    for useless in [
        "",
        "Digest",
        "Basic realm=\"x\"",
        "Digest realm=\"r\", qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"n\"",
        "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
        "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-512-256",
        "Bearer nonce=\"n\", realm=r, qop=auth",
        "===,,,\"\"\\",
        "Digest realm=\"never closed, nonce=n, qop=auth",
    ] {
        assert_eq!(nonce(&[useless]), None, "{useless}");
    }
}

/// A server that knows the key of the tests, and a client for it.
fn server() -> (Sim, TidbCloud) {
    let sim = Sim::new(PUBLIC_KEY, PRIVATE_KEY);
    let client = TidbCloud::new(sim.connector(), "");
    (sim, client)
}

fn asked() -> ClusterRef {
    ClusterRef { id: CLUSTER.into(), secret: API_KEY_SECRET.into() }
}

#[tokio::test(start_paused = true)]
async fn a_nonce_serves_for_several_requests_until_it_is_stale() {
    for algorithms in [vec![Algorithm::Md5], vec![Algorithm::Sha256], vec![Algorithm::Md5, Algorithm::Sha256]] {
        let ((sim, client), asked) = (server(), asked());
        sim.turn(|knobs| knobs.algorithms.clone_from(&algorithms));
        let mut session = client.session(&asked, key(PUBLIC_KEY, PRIVATE_KEY));
        for requests in [2, 3, 4] {
            assert_eq!(session.get().await.unwrap().user_prefix.as_deref(), Some("28cDWcUJJiewaQ7"));
            assert_eq!(sim.log().len(), requests, "one challenge, then one request for each call");
        }
        let strongest = if algorithms.contains(&Algorithm::Sha256) { "algorithm=SHA-256" } else { "algorithm=MD5" };
        assert!(sim.log()[3].authorization.contains(strongest), "{}", sim.log()[3].authorization);
        assert!(sim.log()[3].authorization.contains("nc=00000003"), "{}", sim.log()[3].authorization);
        tokio::time::sleep(Duration::from_secs(301)).await;
        session.get().await.unwrap();
        assert_eq!(sim.log().len(), 6, "the old nonce, and a new one");
        assert!(sim.log()[5].authorization.contains("nc=00000001"), "the count begins again with the nonce");
        // A server that has restarted knows no nonce.
        sim.forget_nonces();
        session.get().await.unwrap();
        assert_eq!(sim.log().len(), 8);
        assert!(sim.log().iter().all(|call| call.uri == format!("/v1beta1/clusters/{CLUSTER}?view=FULL")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_calls_every_nonce_stale_is_given_up() {
    let ((sim, client), asked) = (server(), asked());
    sim.turn(|knobs| knobs.nonce_lifetime = Duration::ZERO);
    let error = client.session(&asked, key(PUBLIC_KEY, PRIVATE_KEY)).get().await.unwrap_err();
    assert!(matches!(error, ClusterError::ApiFailed { .. }), "{error}");
    assert_eq!(sim.log().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_is_reported_after_two_requests() {
    for (public, private) in [(PUBLIC_KEY, "wrong"), ("wrong", PRIVATE_KEY)] {
        let cloud = Cloud::new();
        let text = serde_json::json!({ "PublicKey": public, "PrivateKey": private }).to_string();
        cloud.secrets.put(API_KEY_SECRET, secret(&text));
        let says = ["does not accept the API key in the secret tidb-cloud/api-key (HTTP status 401"];
        rejected(&cloud, &of_cluster(CLUSTER), &says).await;
        assert_eq!(cloud.api.log().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_waited_for_as_the_server_says() {
    let cloud = Cloud::new();
    cloud.api.turn(|knobs| knobs.requests_per_minute = 0);
    let (begun, api) = (cloud.sim.now(), cloud.api.clone());
    let raise = async {
        tokio::time::sleep(Duration::from_secs(50)).await;
        api.turn(|knobs| knobs.requests_per_minute = 100);
    };
    let stack = cloud.stack("orders");
    let wanted = of_cluster(CLUSTER);
    let (created, ()) = tokio::join!(stack.create(&wanted), raise);
    created.succeeded();
    assert!(cloud.sim.now().duration_since(begun) > SignedDuration::from_secs(60));
    assert_eq!(cloud.api.log().len(), 3, "not once before the minute is over");
    // The server does not stop refusing.
    let cloud = Cloud::new();
    cloud.api.turn(|knobs| knobs.requests_per_minute = 0);
    let reason = cloud.stack("orders").create(&of_cluster(CLUSTER)).await.failed();
    for words in ["Timed out after", "100 requests per minute", "tidb-cloud/api-key"] {
        assert!(reason.contains(words), "{reason}");
    }
}

/// A server that is none of TiDB Cloud's, and one that repeats what it was sent.
#[tokio::test(start_paused = true)]
async fn answers_that_make_no_sense_are_reported_within_seconds() {
    for (status, message, says) in [
        (200, "not a cluster", "a way that the provider does not understand"),
        (302, "elsewhere", "HTTP status 302: elsewhere"),
        (418, PRIVATE_KEY, "HTTP status 418: …"),
        (401, PUBLIC_KEY, "does not ask for HTTP Digest"),
        (403, PRIVATE_KEY, "HTTP status 403: …"),
    ] {
        let cloud = Cloud::new();
        let begun = cloud.sim.now();
        cloud.api.on_call(move |_| Verdict::fail(status, "13", message));
        let failed = cloud.stack("orders").create(&of_cluster(CLUSTER)).await;
        if status == 200 {
            // An object without any of the fields is a cluster without a service.
            assert!(failed.failed().contains("exclusive model"));
        } else {
            let reason = failed.failed();
            assert!(reason.contains(says), "{reason}");
        }
        assert!(cloud.sim.now().duration_since(begun) < SignedDuration::from_secs(20), "{status}");
    }
}

#[test]
fn keys_are_sent_only_over_https_or_to_the_machine_itself() {
    for good in [
        "https://serverless.tidbapi.com",
        "https://serverless.tidbapi.com/",
        "http://127.0.0.1:4566",
        "http://localhost:4566/api",
        "http://[::1]:80",
    ] {
        assert!(BaseUrl::read(good).is_some(), "{good}");
    }
    for bad in [
        "",
        "serverless.tidbapi.com",
        "http://serverless.tidbapi.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "http://127.0.0.1@example.com",
        "https://user@serverless.tidbapi.com",
        "https://serverless.tidbapi.com?x=1",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "/v1beta1",
    ] {
        assert!(BaseUrl::read(bad).is_none(), "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_would_send_keys_in_the_clear_is_rejected() {
    let mut cloud = Cloud::new();
    cloud.handler.clients.clusters.tidb_cloud = TidbCloud::new(cloud.api.connector(), "http://example.com");
    rejected(&cloud, &of_cluster(CLUSTER), &["The setting TIDB_CLOUD_API_URL"]).await;
    assert!(cloud.api.log().is_empty());
    let plain = "http://secretsmanager.example.com".to_owned();
    let config = aws_config::SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build();
    cloud.handler.clients.clusters.secrets = tidb_private_endpoint::secrets::Secrets::new(config, plain);
    rejected(&cloud, &of_cluster(CLUSTER), &["The setting AWS_ENDPOINT_URL_SECRETS_MANAGER"]).await;
}

#[test]
fn a_key_shows_nothing_of_itself() {
    let text = format!("{:?}", key(PUBLIC_KEY, PRIVATE_KEY));
    assert!(!text.contains(PUBLIC_KEY) && !text.contains(PRIVATE_KEY), "{text}");
}
