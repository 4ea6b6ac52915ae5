//! The server's own binary with what surrounds it in earnest: a mail server, a receiver of traces, and neither of them.

use crate::rig::ORIGIN;
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::application::PASSWORD;
use testkit::{TestDb, TestRedis};

const PATIENCE: Duration = Duration::from_secs(30);
const MASTER_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Returns when this holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A running `driveline-server`.
struct Process {
    child: Child,
    base: String,
    folder: tempfile::TempDir,
}

impl Process {
    fn start(test: &TestDb, redis: &TestRedis, settings: &[(&str, &str)]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_driveline-server"))
            .env_clear()
            .envs([
                ("DATABASE_URL", test.url().as_str()),
                ("REDIS_URL", &redis.url()),
                ("DRIVELINE_MASTER_KEY", MASTER_KEY),
                ("DRIVELINE_PUBLIC_URL", ORIGIN),
                ("DRIVELINE_BIND", &format!("127.0.0.1:{port}")),
                ("DRIVELINE_MAIL_FROM", "Driveline <no-reply@example.com>"),
            ])
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut process = Self { child, base: format!("http://127.0.0.1:{port}"), folder };
        until("the server answers", || {
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended at once: {}", process.log());
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        process
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// As by SIGTERM; whether it ended well and in time.
    fn stop(&mut self) -> bool {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        let mut ended = None;
        until("the server ends", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.is_some_and(|status| status.success())
    }

    async fn post(&self, path: &str, body: serde_json::Value) -> (u16, String) {
        let sent = reqwest::Client::new().post(format!("{}/api/v1{path}", self.base)).json(&body).send().await.unwrap();
        (sent.status().as_u16(), sent.text().await.unwrap())
    }

    async fn sign_up(&self) {
        let ask = json!({"email": "ann@example.com", "password": PASSWORD, "name": "Ann", "group": "Bayside"});
        let (status, said) = self.post("/sign-up", ask).await;
        assert_eq!(status, 202, "{said}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// `aiosmtpd`, which keeps what it is sent in a maildir.
struct MailServer {
    child: Child,
}

impl MailServer {
    fn start(port: u16, maildir: &Path) -> Self {
        let mut child = Command::new("/usr/bin/python3")
            .args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}"), "-c", "aiosmtpd.handlers.Mailbox"])
            .arg(maildir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3");
        until("the mail server answers", || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "aiosmtpd is missing: install the package python3-aiosmtpd");
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self { child }
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn mails(maildir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(maildir.join("new")) else { return Vec::new() };
    entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

/// The token in a mail's link, quoted-printable undone.
fn token(mail: &str) -> String {
    let text = mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=");
    let (_, rest) = text.split_once("token=").unwrap_or_else(|| panic!("no link: {mail}"));
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
}

#[actix_web::test]
async fn the_mail_that_proves_an_address_arrives_by_smtp() {
    let (test, redis, folder) = (TestDb::fresh().await, TestRedis::start(), tempfile::tempdir().unwrap());
    let (port, maildir) = (free_port(), folder.path().join("mails"));
    let _mail_server = MailServer::start(port, &maildir);
    let server = Process::start(&test, &redis, &[("DRIVELINE_MAIL", &format!("smtp://127.0.0.1:{port}"))]);

    server.sign_up().await;
    until("the mail arrives", || !mails(&maildir).is_empty());
    let mail = mails(&maildir).remove(0);
    let (verified, said) = server.post("/verify", json!({"token": token(&mail), "password": PASSWORD})).await;

    assert!(mail.contains("To: ann@example.com") && mail.contains("Subject: Confirm your e-mail address"), "{mail}");
    assert_eq!(verified, 200, "{said}");
    assert!(!server.log().contains("ann@example.com") && !server.log().contains(&token(&mail)), "{}", server.log());
}

#[actix_web::test]
async fn a_mail_is_kept_while_the_mail_server_is_away_and_leaves_once_when_it_is_back() {
    let (test, redis, folder) = (TestDb::fresh().await, TestRedis::start(), tempfile::tempdir().unwrap());
    let (port, maildir) = (free_port(), folder.path().join("mails"));
    let server = Process::start(&test, &redis, &[("DRIVELINE_MAIL", &format!("smtp://127.0.0.1:{port}"))]);

    server.sign_up().await;
    test.until_count("SELECT count(*) FROM mail WHERE attempts = 1 AND state = 'waiting'", 1, PATIENCE).await;
    let _mail_server = MailServer::start(port, &maildir);
    // As if the half minute until the next try were over.
    test.run("UPDATE mail SET due_at = now()").await;
    until("the mail arrives", || !mails(&maildir).is_empty());
    test.until_count("SELECT count(*) FROM mail WHERE state = 'sent'", 1, PATIENCE).await;

    assert_eq!(mails(&maildir).len(), 1);
    assert!(server.log().contains("a mail was not sent"), "{}", server.log());
}

/// First lines and bodies of what was posted.
type Posted = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A receiver of traces: keeps what was posted to it.
fn receive_traces(listener: TcpListener, received: Posted) {
    for stream in listener.incoming() {
        let (Ok(stream), received) = (stream, Arc::clone(&received)) else { return };
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            loop {
                let (mut length, mut first) = (0, String::new());
                if reader.read_line(&mut first).unwrap_or(0) == 0 {
                    return;
                }
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                received.lock().unwrap().push((first, body));
                let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
                (&stream).write_all(answer).unwrap();
            }
        });
    }
}

fn has(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

#[actix_web::test]
async fn spans_of_requests_reach_the_receiver_of_traces() {
    let (test, redis) = (TestDb::fresh().await, TestRedis::start());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let received = Posted::default();
    let keep = Arc::clone(&received);
    std::thread::spawn(move || receive_traces(listener, keep));
    let settings =
        [("DRIVELINE_MAIL", "mailbox"), ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let mut server = Process::start(&test, &redis, &settings);

    server.sign_up().await;
    let told = || received.lock().unwrap().clone();
    until("a span arrives", || told().iter().any(|(_, body)| has(body, "/api/v1/sign-up")));
    let ended_well = server.stop();

    let told = told();
    assert!(told.iter().all(|(first, _)| first.starts_with("POST /v1/traces ")), "{:?}", told[0].0);
    assert!(told.iter().any(|(_, body)| has(body, "driveline-server") && has(body, "request_id")));
    assert!(!told.iter().any(|(_, body)| has(body, "ann@example.com") || has(body, PASSWORD)), "a span tells a secret");
    assert!(ended_well && !server.log().contains("panicked"), "{}", server.log());
}

#[actix_web::test]
async fn the_server_lives_and_ends_well_without_its_receiver_of_traces() {
    let (test, redis) = (TestDb::fresh().await, TestRedis::start());
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let settings = [
        ("DRIVELINE_MAIL", "mailbox"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ];
    let mut server = Process::start(&test, &redis, &settings);

    for _ in 0..50 {
        let ready = reqwest::get(format!("{}/health/ready", server.base)).await.unwrap();
        assert_eq!(ready.status(), 200);
    }
    let ended_well = server.stop();

    assert!(ended_well && !server.log().contains("panicked"), "{}", server.log());
}
