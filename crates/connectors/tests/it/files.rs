//! Files against real servers: OpenSSH's `sftp-server` and `sshd`, and `vsftpd` with TLS.
//!
//! The servers come from Debian's packages openssh-server, openssh-sftp-server and vsftpd; a test without its server
//! fails and says which package to install.

use crate::files_servers::Vsftpd;
use crate::files_support::{Pulled, access, credentials, pull, settings};
use connectors::{Access, Connector, ConnectorError, Coverage, PageAsk, PullMode, Retry, StepOutcome};
use domain::ObjectKind;
use serde_json::json;
use simulators::sftp::{Account, SftpServer, key_pair, serve_sftp};
use std::net::TcpListener;
use std::path::Path;
use testkit::Sshd;

const CSV: &str = "CustNo,First Name,Last Name\r\n1,Ann,Lee\r\n2,\"Bo\nB\",Ray\r\n3,Cy\r\n";

fn connector() -> &'static dyn Connector {
    connectors::connector("files").unwrap()
}

fn password_only() -> Account {
    Account { user: "driveline".into(), password: Some("open sesame".into()), public_key: None, read_only: true }
}

fn served(folder: &Path, account: Account) -> SftpServer {
    serve_sftp(folder, account, None, TcpListener::bind("127.0.0.1:0").unwrap()).unwrap()
}

fn sftp(server: &SftpServer, more: &[(&str, &str)]) -> Access {
    let port = server.address.port().to_string();
    let mut all = vec![("transport", "sftp"), ("host", "127.0.0.1"), ("port", &port), ("user", "driveline")];
    all.extend_from_slice(more);
    credentials(access(settings(&all)), &[("password", "open sesame")])
}

#[tokio::test]
async fn customers_come_by_sftp_with_a_password() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("customers.csv"), CSV).unwrap();
    let server = served(folder.path(), password_only());

    let Pulled { records, rejects, coverage, resume } =
        pull(&sftp(&server, &[]), ObjectKind::Customer, None).await.unwrap();

    assert_eq!(records.len(), 2);
    assert_eq!(records[1].body, json!({"Cust No": "2", "First Name": "Bo\nB", "Last Name": "Ray"}));
    assert_eq!(rejects[0].place, "customers.csv line 5");
    assert_eq!(coverage, Coverage::Part);
    let again = pull(&sftp(&server, &[]), ObjectKind::Customer, resume).await.unwrap();
    assert_eq!(again.records.len(), 0, "a file is read once");
}

#[tokio::test]
async fn customers_come_by_sftp_with_a_private_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("customers.csv"), CSV).unwrap();
    let (private, public) = key_pair().unwrap();
    let server = served(folder.path(), Account { password: None, public_key: Some(public), ..password_only() });
    let access = credentials(sftp(&server, &[]), &[("private_key", &private), ("password", "")]);

    let pulled = pull(&access, ObjectKind::Customer, None).await.unwrap();

    assert_eq!(pulled.records.len(), 2);
    let (stranger, _) = key_pair().unwrap();
    let refused = credentials(sftp(&server, &[]), &[("private_key", &stranger), ("password", "")]);
    let error = pull(&refused, ObjectKind::Customer, None).await.err().unwrap();
    assert!(matches!(error, ConnectorError::Unauthorized { .. }), "{error}");
}

#[tokio::test]
async fn the_test_of_a_connection_shows_the_key_and_pinning_it_accepts_no_other() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("customers.csv"), CSV).unwrap();
    let server = served(folder.path(), password_only());

    let first = connector().verify(&sftp(&server, &[])).await;
    assert!(first.is_good(), "{:?}", first.steps);
    let key_step = first.steps.iter().find(|step| step.name == "Server's key").unwrap();
    assert!(key_step.said.contains(&server.fingerprint), "{}", key_step.said);
    assert_eq!(first.samples[0].payloads.len(), 2);

    let pinned = connector().verify(&sftp(&server, &[("host_key", &server.fingerprint)])).await;
    assert!(pinned.is_good(), "{:?}", pinned.steps);

    let other = sftp(&server, &[("host_key", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")]);
    let refused = connector().verify(&other).await;
    let bad = refused.steps.iter().find(|step| step.outcome == StepOutcome::Bad).unwrap();
    assert_eq!(bad.name, "Server's key");
    assert!(bad.said.contains(&server.fingerprint));
    assert!(refused.steps.iter().any(|step| step.name == "Sign-in" && step.outcome == StepOutcome::Skipped));
    let error = pull(&other, ObjectKind::Customer, None).await.err().unwrap();
    assert_eq!(error.code(), "misconfigured:host_key");
}

#[tokio::test]
async fn each_wrong_setting_is_told_at_its_step() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("customers.csv"), "Color\nred\n").unwrap();
    let server = served(folder.path(), password_only());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
    let cases: [Case<'_>; 6] = [
        (&[("mapping", "customer.shoe = X")], "Settings", "customer.shoe"),
        (&[("host", "sftp://127.0.0.1")], "Address", "no host name"),
        (&[("port", &closed)], "Connection", "refused"),
        (&[("user", "nobody")], "Sign-in", "refused the sign-in"),
        (&[("folder", "/nowhere")], "Folder", "no such file or folder"),
        (&[], "Sample of customers", "Color"),
    ];
    for (setting, step, said) in cases {
        let verified = connector().verify(&sftp(&server, setting)).await;
        let bad = verified.steps.iter().find(|one| one.outcome == StepOutcome::Bad).unwrap();
        assert_eq!(bad.name, step, "{:?}", verified.steps);
        assert!(bad.said.contains(said) && !bad.fix.is_empty(), "{step}: {bad:?}");
    }
}

#[tokio::test]
async fn links_are_not_followed_and_private_hosts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("customers_link.csv")).unwrap();
    let server = served(folder.path(), password_only());

    let pulled = pull(&sftp(&server, &[]), ObjectKind::Customer, None).await.unwrap();
    assert_eq!((pulled.records.len(), pulled.rejects.len()), (0, 0));

    let outside = Access { allow_private_hosts: false, ..sftp(&server, &[]) };
    let error = pull(&outside, ObjectKind::Customer, None).await.err().unwrap();
    assert_eq!(error.code(), "misconfigured:host");
}

#[tokio::test]
async fn a_server_that_goes_away_in_the_middle_is_tried_again_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..12_000).map(|n| format!("{n},Ann,Lee\n")).collect();
    std::fs::write(folder.path().join("customers.csv"), format!("CustNo,First Name,Last Name\n{rows}")).unwrap();
    let server = served(folder.path(), password_only());
    let port = server.address;
    let access = sftp(&server, &[]);
    let ask = PageAsk { mode: PullMode::Full, cursor: None, now: chrono::Utc::now() };
    let files = connector().pull(ObjectKind::Customer).unwrap();
    let first = files.page(&access, ObjectKind::Customer, &ask).await.unwrap();
    let connectors::Next::Page(cursor) = first.next else { panic!("one page") };
    drop(server);

    // Another process, without the connection of this one.
    let elsewhere = Access { connection: domain::ConnectionId::new(), ..access.clone() };
    let ask = PageAsk { cursor: Some(cursor), ..ask };
    let error = files.page(&elsewhere, ObjectKind::Customer, &ask).await.err().unwrap();
    assert_eq!(error.retry(), Retry::Soon, "{error}");

    let _again = serve_sftp(folder.path(), password_only(), None, TcpListener::bind(port).unwrap()).unwrap();
    let second = files.page(&elsewhere, ObjectKind::Customer, &ask).await.unwrap();
    assert_eq!(second.records[0].external_id, first.records.len().to_string());
}

#[tokio::test]
async fn a_real_sshd_serves_as_well() {
    let sshd = Sshd::start();
    std::fs::write(sshd.files().join("customers.csv"), CSV).unwrap();
    let port = sshd.port.to_string();
    let all = settings(&[
        ("host", "127.0.0.1"),
        ("port", &port),
        ("user", &sshd.user()),
        ("folder", sshd.files().to_str().unwrap()),
    ]);
    let access = credentials(access(all), &[("private_key", &sshd.private_key())]);

    let verified = connector().verify(&access).await;
    assert!(verified.is_good(), "{:?}", verified.steps);
    assert_eq!(pull(&access, ObjectKind::Customer, None).await.unwrap().records.len(), 2);
}

fn ftp(server: &Vsftpd, transport: &str, more: &[(&str, &str)]) -> Access {
    let port = server.port.to_string();
    let mut all = vec![("transport", transport), ("host", "127.0.0.1"), ("port", &port), ("user", &server.user)];
    all.extend_from_slice(more);
    credentials(access(settings(&all)), &[("password", &server.password)])
}

#[tokio::test]
async fn customers_come_by_ftps_from_the_pinned_certificate_only() {
    let server = Vsftpd::start(true);
    let rows: String = (0..6_000).map(|n| format!("{n},Ann,Lee\n")).collect();
    server.put("customers_2.csv", &format!("CustNo,First Name,Last Name\n{rows}"));
    server.put("customers_10.csv", CSV);

    let unknown = connector().verify(&ftp(&server, "ftps", &[])).await;
    let bad = unknown.steps.iter().find(|step| step.outcome == StepOutcome::Bad).unwrap();
    assert_eq!(bad.name, "Server's key", "{:?}", unknown.steps);
    assert!(bad.said.contains(&server.fingerprint), "{}", bad.said);

    let access = ftp(&server, "ftps", &[("host_key", &server.fingerprint)]);
    let verified = connector().verify(&access).await;
    assert!(verified.is_good(), "{:?}", verified.steps);

    let pulled = pull(&access, ObjectKind::Customer, None).await.unwrap();
    assert_eq!(pulled.records.len(), 6_002);
    assert_eq!(pulled.records[6_001].body["First Name"], "Bo\nB", "the newer name comes last");
    assert_eq!(pull(&access, ObjectKind::Customer, pulled.resume).await.unwrap().records.len(), 0);

    let wrong = credentials(access, &[("password", "wrong")]);
    let error = pull(&wrong, ObjectKind::Customer, None).await.err().unwrap();
    assert!(matches!(error, ConnectorError::Unauthorized { .. }), "{error:?}");
}

#[tokio::test]
async fn an_ftps_page_goes_on_in_the_middle_of_a_file() {
    let server = Vsftpd::start(true);
    let rows: String = (0..6_000).map(|n| format!("{n},Ann,Lee\n")).collect();
    server.put("customers.csv", &format!("CustNo,First Name,Last Name\n{rows}"));
    let access = ftp(&server, "ftps", &[("host_key", &server.fingerprint)]);
    let files = connector().pull(ObjectKind::Customer).unwrap();
    let ask = PageAsk { mode: PullMode::Full, cursor: None, now: chrono::Utc::now() };
    let connectors::Next::Page(cursor) = files.page(&access, ObjectKind::Customer, &ask).await.unwrap().next else {
        panic!("one page")
    };
    let elsewhere = Access { connection: domain::ConnectionId::new(), ..access };

    let page = files.page(&elsewhere, ObjectKind::Customer, &PageAsk { cursor: Some(cursor), ..ask }).await.unwrap();

    assert_eq!(page.records.len(), 1_000);
    assert_eq!(page.records[0].external_id, "5000");
}

#[tokio::test]
async fn plain_ftp_works_where_it_was_chosen() {
    let server = Vsftpd::start(false);
    server.put("customers.csv", CSV);
    let access = ftp(&server, "ftp", &[]);

    let verified = connector().verify(&access).await;
    assert!(verified.is_good(), "{:?}", verified.steps);
    assert!(verified.steps.iter().any(|step| step.said.contains("Not protected")));
    assert_eq!(pull(&access, ObjectKind::Customer, None).await.unwrap().records.len(), 2);

    let protected = pull(&ftp(&server, "ftps", &[]), ObjectKind::Customer, None).await.err().unwrap();
    assert!(protected.retry() == Retry::Never, "TLS is never dropped silently: {protected:?}");
}

#[tokio::test]
async fn an_ftps_server_that_names_a_wrong_passive_address_is_read_from_where_it_was_met() {
    let server = Vsftpd::behind_nat(true);
    let rows: String = (0..6_000).map(|n| format!("{n},Ann,Lee\n")).collect();
    server.put("customers.csv", &format!("CustNo,First Name,Last Name\n{rows}"));
    let access = ftp(&server, "ftps", &[("host_key", &server.fingerprint)]);

    let files = connector().pull(ObjectKind::Customer).unwrap();
    let ask = PageAsk { mode: PullMode::Full, cursor: None, now: chrono::Utc::now() };

    let verified = connector().verify(&access).await;
    let first = files.page(&access, ObjectKind::Customer, &ask).await.unwrap();
    let connectors::Next::Page(cursor) = first.next else { panic!("one page") };
    // Another process goes on in the middle of the file.
    let elsewhere = Access { connection: domain::ConnectionId::new(), ..access };
    let ask = PageAsk { cursor: Some(cursor), ..ask };
    let second = files.page(&elsewhere, ObjectKind::Customer, &ask).await.unwrap();

    assert!(verified.is_good(), "{:?}", verified.steps);
    let ids: Vec<String> = first.records.into_iter().chain(second.records).map(|record| record.external_id).collect();
    assert_eq!(ids, (0..6_000).map(|n| n.to_string()).collect::<Vec<_>>());
    let log = server.log();
    assert!(log.contains("Entering Passive Mode (192,0,2,1,") && log.contains("REST "), "{log}");
}
