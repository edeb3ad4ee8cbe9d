//! The delivery of the response, over real sockets on loopback and in real time, to a server that fails as servers do.

use jiff::{SignedDuration, Timestamp};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use tidb_private_endpoint::request::event::ResponseUrl;
use tidb_private_endpoint::runtime::callback::{Callback, Undelivered};
use tidb_private_endpoint::runtime::clock::Clock;
use tidb_private_endpoint::runtime::http::Http;

/// What the server does with one connection.
#[derive(Clone, Copy)]
pub(crate) enum Reply {
    Status(&'static str),
    HangUp,
}

/// A received request: its first line and headers, and its body.
pub(crate) type Received = (Vec<String>, String);

/// Serves one connection per reply, and then stops.
pub(crate) fn server(replies: Vec<Reply>) -> (String, mpsc::Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/arn%3Aaws?X-Amz-Signature=5ec4e7", listener.local_addr().unwrap());
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for reply in replies {
            let (mut stream, _) = listener.accept().unwrap();
            send.send(read(&mut stream)).unwrap();
            match reply {
                Reply::Status(status) => {
                    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
                }
                Reply::HangUp => {}
            }
        }
    });
    (url, receive)
}

fn read(stream: &mut TcpStream) -> Received {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_lowercase()),
        }
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

async fn put(url: &str, seconds: i64) -> Result<(), Undelivered> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let start: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let clock = Clock::starting_at(start);
    let callback = Callback::new(Http::new().map(|http| http.client()).unwrap());
    callback
        .put(&ResponseUrl::new(url), "{\"Status\":\"SUCCESS\"}", &clock, start + SignedDuration::from_secs(seconds))
        .await
}

#[tokio::test]
async fn the_response_is_put_without_a_content_type() {
    let (url, received) = server(vec![Reply::Status("200 OK")]);
    put(&url, 10).await.unwrap();
    let (head, body) = received.recv().unwrap();
    assert!(head[0].starts_with("put /arn%3aaws?x-amz-signature=5ec4e7 "), "{}", head[0]);
    assert!(head.contains(&"content-length: 20".to_owned()), "{head:?}");
    assert!(
        !head.iter().any(|line| line.starts_with("content-type") || line.starts_with("transfer-encoding")),
        "{head:?}"
    );
    assert_eq!(body, "{\"Status\":\"SUCCESS\"}");
}

#[tokio::test]
async fn a_failed_put_is_retried() {
    let (url, received) = server(vec![Reply::Status("503 Slow Down"), Reply::HangUp, Reply::Status("200 OK")]);
    put(&url, 30).await.unwrap();
    let bodies: Vec<String> = received.iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, ["{\"Status\":\"SUCCESS\"}"; 3]);
}

/// S3 rejects a signature that has expired, and rejects it again.
#[tokio::test]
async fn a_rejected_answer_is_not_put_again() {
    for status in ["400 Bad Request", "403 Forbidden", "404 Not Found"] {
        let (url, received) = server(vec![Reply::Status(status), Reply::Status("200 OK")]);
        let undelivered = put(&url, 600).await.unwrap_err();
        assert_eq!(undelivered.attempts, 1, "{status}");
        assert!(undelivered.last.contains(status), "{undelivered}");
        assert_eq!(received.try_iter().count(), 1, "{status}");
    }
    for status in ["408 Request Timeout", "429 Too Many Requests"] {
        let (url, _received) = server(vec![Reply::Status(status), Reply::Status("200 OK")]);
        put(&url, 30).await.unwrap();
    }
}

/// Many functions may have to put their answers at the same moment.
#[tokio::test(start_paused = true)]
async fn no_two_answers_are_put_again_after_the_same_pauses() {
    let mut took = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let begun = tokio::time::Instant::now();
        put("not a url", 120).await.unwrap_err();
        took.insert(begun.elapsed());
    }
    assert_eq!(took.len(), 10, "{took:?}");
}

#[tokio::test]
async fn delivery_ends_at_the_deadline_and_the_error_does_not_contain_the_url() {
    let (url, _received) = server(vec![Reply::Status("503 Slow Down"); 2]);
    let undelivered = put(&url, 1).await.unwrap_err();
    assert!(undelivered.attempts >= 1);
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = put(&format!("http://{unused}/?X-Amz-Signature=5ec4e7"), 1).await.unwrap_err();
    for text in [format!("{undelivered} {undelivered:?}"), format!("{refused} {refused:?}")] {
        assert!(!text.contains("5ec4e7") && !text.contains("http://"), "{text}");
    }
    let odd = put("not a url?X-Amz-Signature=5ec4e7", 1).await.unwrap_err();
    assert!(!odd.to_string().contains("5ec4e7"), "{odd}");
}
