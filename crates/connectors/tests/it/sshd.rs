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
    pub port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Sshd {
    /// Starts one that takes a key of its own; `None` where OpenSSH's server is not installed.
    pub fn start() -> Option<Self> {
        if !Path::new(SSHD).exists() {
            eprintln!("skipped: {SSHD} is not installed (Debian: openssh-server)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for name in ["host", "user"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(folder.path().join(name))
                .stdin(Stdio::null())
                .status()
                .unwrap();
            assert!(made.success());
        }
        std::fs::create_dir(folder.path().join("files")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nPidFile none\nSubsystem sftp internal-sftp\n",
            at("host"),
            at("user.pub"),
        );
        std::fs::write(folder.path().join("config"), config).unwrap();
        // As root it wants its empty folder for privilege separation, which a fresh container lacks.
        std::fs::create_dir_all("/run/sshd").ok();
        let child = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(folder.path().join("config"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, folder, port };
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "sshd does not answer");
            std::thread::yield_now();
        }
        Some(server)
    }

    /// Where files land.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// The private key that it takes.
    pub fn private_key(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("user")).unwrap()
    }

    /// Its key's fingerprint.
    pub fn fingerprint(&self) -> String {
        let shown = Command::new("ssh-keygen").args(["-l", "-f"]).arg(self.folder.path().join("host.pub")).output();
        let text = String::from_utf8(shown.unwrap().stdout).unwrap();
        text.split_whitespace().find(|word| word.starts_with("SHA256:")).unwrap().to_owned()
    }

    /// Who signs in: the user that runs the test.
    pub fn user(&self) -> String {
        String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_owned()
    }
}
