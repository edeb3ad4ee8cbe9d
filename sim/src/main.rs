//! `ec2-sim`: the simulation as an HTTP server on the loopback interface, for any client.

mod server;

use std::{error::Error, net::SocketAddr, process::ExitCode};

use ec2_sim::{Ec2, TidbCloud, World};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

const USAGE: &str = "\
Usage: ec2-sim [--listen ADDRESS:PORT] [--world FILE] [--fast]

A simulated EC2 PrivateLink control plane over HTTP, and TiDB Cloud's API under /v1beta1/ with the API key sim-public-key,
sim-private-key.

  --listen ADDRESS:PORT  a loopback address; port 0 chooses a free port [127.0.0.1:4566]
  --world FILE           the initial state; the default is a built-in us-east-1
  --fast                 shorten AWS's minutes to seconds
";

#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    listen: SocketAddr,
    world: Option<String>,
    fast: bool,
}

impl Arguments {
    /// `None` requests the usage text.
    fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let mut parsed = Self { listen: SocketAddr::from(([127, 0, 0, 1], 4566)), world: None, fast: false };
        let mut arguments = arguments.into_iter();
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--listen" => {
                    let address = value()?;
                    parsed.listen = address.parse().map_err(|_| format!("{address:?} is not an address and port"))?;
                }
                "--world" => parsed.world = Some(value()?),
                "--fast" => parsed.fast = true,
                "--help" | "-h" => return Ok(None),
                other => return Err(format!("unknown flag {other}")),
            }
        }
        // There is no authentication.
        if parsed.listen.ip().is_loopback() {
            Ok(Some(parsed))
        } else {
            Err(format!("{} is not a loopback address", parsed.listen.ip()))
        }
    }

    fn world(&self) -> Result<World, Box<dyn Error>> {
        let mut world = match &self.world {
            None => ec2_sim::example(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
                World::from_json(&text).map_err(|error| format!("{path}: {error}"))?
            }
        };
        if self.fast {
            world.knobs.fast();
        }
        Ok(world)
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprint!("ec2-sim: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ec2-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let ec2 = Ec2::new(arguments.world()?);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener =
        TcpListener::bind(arguments.listen).await.map_err(|error| format!("{}: {error}", arguments.listen))?;
    println!("listening on {}", listener.local_addr()?);
    tokio::select! {
        () = server::serve(listener, ec2, TidbCloud::new("sim-public-key", "sim-private-key")) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Arguments>, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_can_be_in_any_order() {
        let arguments = parse("--fast --world w.json --listen [::1]:0").unwrap().unwrap();
        let listen = "[::1]:0".parse().unwrap();
        assert_eq!(arguments, Arguments { listen, world: Some("w.json".to_owned()), fast: true });
        assert_eq!(parse("--fast --help"), Ok(None));
    }

    #[test]
    fn invalid_flags_are_reported() {
        for (line, message) in [
            ("--listen", "--listen needs a value"),
            ("--listen localhost", "\"localhost\" is not an address and port"),
            ("--listen 0.0.0.0:80", "0.0.0.0 is not a loopback address"),
            ("--port 80", "unknown flag --port"),
        ] {
            assert_eq!(parse(line), Err(message.to_owned()));
        }
    }

    #[test]
    fn an_unreadable_world_file_is_reported_by_name() {
        let arguments = parse("--world no-such-file.json").unwrap().unwrap();
        assert!(arguments.world().unwrap_err().to_string().starts_with("no-such-file.json: "));
    }
}
