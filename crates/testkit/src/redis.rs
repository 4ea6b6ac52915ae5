//! A Redis of a test's own, to be flushed, killed and started again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(20);

/// A `redis-server` on a free loopback port that keeps nothing; ends with this value.
pub struct TestRedis {
    port: u16,
    server: Option<Child>,
}

impl TestRedis {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        // The port is free when it is asked for; a rare thief makes the start fail, and another port is tried.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
            let mut redis = Self { port, server: None };
            if redis.start_again() {
                return redis;
            }
        }
        panic!("redis-server does not start");
    }

    /// Starts it again on the same port after [`TestRedis::kill`]; false where it does not come up.
    pub fn start_again(&mut self) -> bool {
        let server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let server = self.server.insert(server);
        let began = Instant::now();
        while began.elapsed() < START_MAX {
            if matches!(server.try_wait(), Ok(Some(_))) {
                return false;
            }
            if ask(self.port, "PING").is_some_and(|answer| answer.starts_with("+PONG")) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Kills it as by `kill -9`: it forgets everything.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("killing redis-server");
            server.wait().expect("its end");
        }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Deletes everything in it.
    pub fn flush(&self) {
        assert_eq!(self.say("FLUSHALL"), "+OK");
    }

    /// The first line of its answer to a command of plain words.
    #[must_use]
    pub fn say(&self, command: &str) -> String {
        ask(self.port, command).expect("Redis answers")
    }

    /// A number it answers, as `DBSIZE` or `LLEN key` do.
    #[must_use]
    pub fn number(&self, command: &str) -> u64 {
        self.say(command).trim_start_matches(':').parse().expect("a number")
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn ask(port: u16, command: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(format!("{command}\r\n").as_bytes()).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    Some(line.trim_end().to_owned())
}

/// Everything that anybody says to a Redis from now on.
pub struct Watched(Arc<Mutex<Vec<u8>>>);

impl Watched {
    /// What was said so far, as Redis' MONITOR writes it.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("what was said")).into_owned()
    }
}

impl TestRedis {
    /// Listens to everything that anybody says to it.
    #[must_use]
    pub fn watch(&self) -> Watched {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("Redis answers");
        stream.write_all(b"MONITOR\r\n").expect("Redis listens");
        let mut first = [0; 5];
        stream.read_exact(&mut first).expect("Redis answers");
        let said = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut piece = [0; 65_536];
            while let Ok(read @ 1..) = stream.read(&mut piece) {
                let Some(heard) = piece.get(..read) else { break };
                kept.lock().expect("what was said").extend_from_slice(heard);
            }
        });
        Watched(said)
    }
}
