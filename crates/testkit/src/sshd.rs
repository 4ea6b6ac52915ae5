//! A private OpenSSH server on a free port of the loopback, for one test.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Debian's place; `sshd` insists on being called by its full path.
const SSHD: &str = "/usr/sbin/sshd";

/// A running server; stopped when dropped.
pub struct Sshd {
    child: Child,
    folder: tempfile::TempDir,
    /// Where it listens.
    pub port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Sshd {
    /// Starts one that takes a key of its own, signed in as whoever runs the test.
    #[must_use]
    pub fn start() -> Self {
        assert!(Path::new(SSHD).exists(), "{SSHD} is missing: install the package openssh-server");
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["host", "user"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(folder.path().join(name))
                .stdin(Stdio::null())
                .status();
            assert!(made.is_ok_and(|made| made.success()), "ssh-keygen is missing: install the package openssh-client");
        }
        std::fs::create_dir(folder.path().join("files")).expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nPermitRootLogin yes\nPidFile none\nSubsystem sftp internal-sftp\n",
            at("host"),
            at("user.pub"),
        );
        std::fs::write(folder.path().join("config"), config).expect("its settings");
        // As root it wants its empty folder for privilege separation, which a fresh container lacks.
        std::fs::create_dir_all("/run/sshd").ok();
        let child = Command::new(SSHD)
            .arg("-D")
            .arg("-E")
            .arg(folder.path().join("log"))
            .arg("-f")
            .arg(folder.path().join("config"))
            .stdin(Stdio::null())
            .spawn()
            .expect("sshd starts");
        let mut server = Self { child, folder, port };
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().expect("asking for its end");
            let said = || std::fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
            assert!(ended.is_none(), "sshd ended at once: {}", said());
            assert!(Instant::now() < until, "sshd does not answer: {}", said());
            std::thread::yield_now();
        }
        server
    }

    /// Where files land.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// The private key that it takes.
    #[must_use]
    pub fn private_key(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("user")).expect("its user's key")
    }

    /// Its key's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let shown = Command::new("ssh-keygen").args(["-l", "-f"]).arg(self.folder.path().join("host.pub")).output();
        let text = String::from_utf8(shown.expect("ssh-keygen").stdout).expect("text");
        text.split_whitespace().find(|word| word.starts_with("SHA256:")).expect("a fingerprint").to_owned()
    }

    /// Who signs in: the user that runs the test.
    #[must_use]
    pub fn user(&self) -> String {
        let shown = Command::new("id").arg("-un").output().expect("id");
        String::from_utf8(shown.stdout).expect("a name").trim().to_owned()
    }
}
