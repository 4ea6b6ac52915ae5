//! Real servers from Debian's packages, each private to its test, on a free loopback port, ended with the test.

use sha2::{Digest, Sha256};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn program(path: &str, package: &str) -> PathBuf {
    let path = PathBuf::from(path);
    assert!(path.exists(), "{} is missing: install the package {package}", path.display());
    path
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until the server answers on its port, or has ended.
fn answers(child: &mut Child, port: u16, log: &Path) {
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = child.try_wait().unwrap();
        let said = || fs::read_to_string(log).unwrap_or_default();
        assert!(ended.is_none(), "the server ended at once: {}", said());
        assert!(Instant::now() < until, "the server does not answer: {}", said());
        std::thread::yield_now();
    }
}

fn who() -> String {
    String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_owned()
}

/// `vsftpd` as the person who runs the tests, with anonymous access to one folder: it needs no account of its own.
pub struct Vsftpd {
    pub port: u16,
    pub user: String,
    pub password: String,
    /// SHA-256 of the certificate, hex.
    pub fingerprint: String,
    child: Child,
    home: TempDir,
}

impl Vsftpd {
    pub fn start(tls: bool) -> Self {
        Self::with(tls, "")
    }

    /// One that, without EPSV, names an address in its answer to PASV where nobody ever answers: behind a careless NAT.
    pub fn behind_nat(tls: bool) -> Self {
        Self::with(tls, "cmds_denied=EPSV\npasv_address=192.0.2.1\nlog_ftp_protocol=YES\n")
    }

    fn with(tls: bool, more: &str) -> Self {
        let program = program("/usr/sbin/vsftpd", "vsftpd");
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = |name: &str| home.path().join(name);
        fs::create_dir(path("files")).unwrap();
        fs::create_dir(path("empty")).unwrap();
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(path("cert.pem"), issued.cert.pem()).unwrap();
        fs::write(path("key.pem"), issued.signing_key.serialize_pem()).unwrap();
        // The anonymous user's "password" is checked against this list.
        fs::write(path("passwords"), "open sesame\n").unwrap();
        let port = free_port();
        let mut config = format!(
            "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nanonymous_enable=YES\n\
             local_enable=NO\nwrite_enable=NO\nanon_root={files}\nsecure_email_list_enable=YES\n\
             email_password_file={passwords}\nsecure_chroot_dir={empty}\nseccomp_sandbox=NO\nisolate=NO\n\
             isolate_network=NO\nxferlog_enable=YES\nvsftpd_log_file={log}\nno_anon_password=NO\n\
             ftp_username={user}\nanon_world_readable_only=NO\nuse_localtime=NO\n",
            files = path("files").display(),
            passwords = path("passwords").display(),
            empty = path("empty").display(),
            log = path("log").display(),
            user = if who() == "root" { "ftp".to_owned() } else { who() },
        );
        config.push_str(more);
        if who() != "root" {
            config.push_str("run_as_launching_user=YES\n");
        }
        if tls {
            config.push_str(&format!(
                "ssl_enable=YES\nallow_anon_ssl=YES\nforce_anon_logins_ssl=YES\nforce_anon_data_ssl=YES\n\
                 ssl_tlsv1=YES\nrsa_cert_file={}\nrsa_private_key_file={}\nssl_ciphers=HIGH\n",
                path("cert.pem").display(),
                path("key.pem").display()
            ));
        }
        fs::write(path("config"), config).unwrap();
        let mut child = Command::new(program)
            .arg(path("config"))
            .stdin(Stdio::null())
            .stdout(fs::File::create(path("out")).unwrap())
            .stderr(fs::File::create(path("err")).unwrap())
            .spawn()
            .unwrap();
        answers(&mut child, port, &path("out"));
        let fingerprint = hex::encode(Sha256::digest(issued.cert.der()));
        Self { port, user: "anonymous".into(), password: "open sesame".into(), fingerprint, child, home }
    }

    /// What it wrote down of the talk.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap()
    }

    pub fn put(&self, name: &str, content: &str) {
        let path = self.home.path().join("files").join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
}

impl Drop for Vsftpd {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
