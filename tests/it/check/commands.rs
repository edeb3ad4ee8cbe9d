//! The check from a terminal, and the program itself on real sockets.

use super::*;
use std::fs;
use std::process::Output;
use tidb_private_endpoint::probe::terminal::{self, Command, USAGE};
use tokio::net::TcpListener;

fn parse(line: &str) -> Result<Command, String> {
    Command::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

#[test]
fn the_command_line_is_read() {
    let check = |host: &str, port: u16, json| {
        let spec = CheckSpec::read(&json!({ "Host": host, "Port": port })).unwrap();
        Ok(Command::Check { spec, json })
    };
    assert_eq!(parse(&format!("check {HOST}")), check(HOST, 4000, false));
    assert_eq!(parse(&format!("check {HOST}:3306 --json")), check(HOST, 3306, true));
    assert_eq!(parse("check --json localhost:1"), check("localhost", 1, true));
    for help in ["--help", "-h", "check -h"] {
        assert_eq!(parse(help), Ok(Command::Help));
    }
    for (line, says) in [
        ("", "The only command is check."),
        ("probe x", "The only command is check."),
        ("check", "Specify one HOST."),
        ("check a b", "Specify one HOST."),
        ("check a --jsn", "The option --jsn is not known."),
        ("check 10.0.0.1", "Host is '10.0.0.1', which is not a host name such as"),
        ("check ::1", "Host is ':', which is not a host name such as"),
        ("check a:0", "Port is '0', which is not a whole number from 1 to 65535."),
        ("check :4000", "Host is missing"),
    ] {
        let fault = parse(line).unwrap_err();
        assert!(fault.starts_with(says), "{line}: {fault}");
    }
}

async fn printed(net: &Net, json: bool) -> (bool, String) {
    let mut out = Vec::new();
    let start: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let clock = Clock::starting_at(start);
    let reachable = terminal::run(net, &tls(), &spec(json!({})), json, &clock, &mut out).await.unwrap();
    (reachable, String::from_utf8(out).unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_layers_are_printed() {
    let (reachable, text) = printed(&Net::new(&[(A, Fault::None)]), false).await;
    assert!(reachable);
    let expected = format!(
        "Checking {HOST}:4000\n\
         ✓ name           3 ms  10.0.1.25\n\
         ✓ TCP            2 ms  10.0.1.25  connected\n\
         ✓ greeting       0 ms  10.0.1.25  8.0.11-TiDB-v8.5.0\n\
         ✓ TLS            0 ms  10.0.1.25  TLSv1.3, certificate of CN=private authority, valid until 2090-01-01T00:00:00Z\n\
         \n\
         {HOST}:4000 is reachable: 10.0.1.25 leads to the database with TLSv1.3 and a certificate that is valid until \
         2090-01-01T00:00:00Z.\n"
    );
    assert_eq!(text, expected);
    let (reachable, text) = printed(&Net::new(&[(A, Fault::None)]).with(B, Place::Drops), false).await;
    assert!(!reachable);
    assert!(
        text.contains("✓ TCP            2 ms  10.0.1.25  connected\n✗ TCP         5000 ms  10.0.2.31  failed\n\n"),
        "{text}"
    );
    assert!(text.contains("fails at the layer TCP. 10.0.2.31 did not respond on port 4000"), "{text}");
    assert!(text.ends_with("See docs/troubleshooting.md#connection-check-tcp.\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn json_is_one_object_that_can_be_read_again() {
    let (reachable, text) = printed(&Net::new(&[(A, Fault::NoTls)]), true).await;
    let report: Report = serde_json::from_str(&text).unwrap();
    assert_eq!((reachable, report.reachable, report.steps.len()), (false, false, 4));
    let raw: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((raw["FailedLayer"].as_str(), raw["Addresses"][0].as_str()), (Some("Tls"), Some(A)));
}

/// Runs the program with a file of root certificates.
fn program(arguments: &[&str], roots: &std::path::Path) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidb-private-endpoint"));
    command.env_clear().env("SSL_CERT_FILE", roots).args(arguments).output().unwrap()
}

/// The program itself, with the system's resolver and sockets, on both address families that this machine has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_checks_on_real_sockets() {
    let roots = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("roots.pem");
    fs::write(&roots, AUTHORITY.pem()).unwrap();
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = first.local_addr().unwrap().port();
    // `localhost` may also resolve to ::1.
    let second = TcpListener::bind(("::1", port)).await.ok();
    let gateway = Gateway::new(&AUTHORITY, "localhost", Fault::None);
    for listener in [Some(first), second].into_iter().flatten() {
        let gateway = gateway.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let gateway = gateway.clone();
                tokio::spawn(async move { gateway.serve(stream).await });
            }
        });
    }
    let call = |arguments: Vec<String>, roots: std::path::PathBuf| async move {
        let run = move || program(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &roots);
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let target = format!("localhost:{port}");
    let arguments = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (code, out, err) = call(arguments(&format!("check {target}")), roots.clone()).await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("✓ TLS") && out.contains(&format!("{target} is reachable")), "{out}");
    let (code, out, _) = call(arguments(&format!("check {target} --json")), roots.clone()).await;
    assert!(code == Some(0) && serde_json::from_str::<Report>(&out).unwrap().reachable, "{out}");
    let missing = roots.with_extension("missing");
    let (code, out, _) = call(arguments(&format!("check {target}")), missing).await;
    assert!(code == Some(1) && out.contains("This system has no root certificates"), "{out}");
    let (code, out, err) = call(arguments("check"), roots.clone()).await;
    assert_eq!((code, out.as_str(), err), (Some(2), "", format!("Specify one HOST.\n\n{USAGE}")));
    let (code, out, _) = call(arguments("--help"), roots.clone()).await;
    assert_eq!((code, out.as_str()), (Some(0), USAGE));
}
