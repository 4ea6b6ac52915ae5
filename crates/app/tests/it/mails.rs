//! Mail: sent to a real SMTP server, once; tried again where the server is away.

use app::TenantScope;
use app::identity::{SignUp, Verify};
use app::people::Invite;
use chrono::TimeDelta;
use domain::permission::Role;
use std::sync::{Arc, Mutex};
use testkit::TestApp;
use testkit::application::PASSWORD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What a mail server was sent.
type Received = Arc<Mutex<Vec<String>>>;

/// How a mail server answers `MAIL` and `RCPT`, unless it takes them.
#[derive(Clone, Copy)]
enum Answer {
    Takes,
    /// A passing failure.
    Later,
    /// There is no such mailbox.
    NoSuchMailbox,
}

/// A mail server; each talk is answered as `answer` says when it begins.
async fn serve(listener: TcpListener, received: Received, answer: Arc<Mutex<Answer>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(talk(stream, Arc::clone(&received), *answer.lock().unwrap()));
    }
}

async fn talk(stream: TcpStream, received: Received, how: Answer) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test\r\n").await?;
    let mut mail: Option<String> = None;
    while let Some(line) = lines.next_line().await? {
        if let Some(text) = &mut mail {
            if line != "." {
                text.push_str(&line);
                text.push('\n');
                continue;
            }
            received.lock().unwrap().push(mail.take().unwrap());
            write.write_all(b"250 taken\r\n").await?;
            continue;
        }
        let answer: &[u8] = match line.split([' ', ':']).next().unwrap_or_default() {
            "MAIL" if matches!(how, Answer::Later) => b"451 later\r\n",
            "RCPT" if matches!(how, Answer::NoSuchMailbox) => b"550 no such mailbox\r\n",
            "DATA" => {
                mail = Some(String::new());
                b"354 go on\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 fine\r\n",
        };
        write.write_all(answer).await?;
    }
    Ok(())
}

/// An application whose mails go to a server that answers as told.
async fn with_server(answer: Answer) -> (TestApp, Received, Arc<Mutex<Answer>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let (received, answer) = (Received::default(), Arc::new(Mutex::new(answer)));
    tokio::spawn(serve(listener, Arc::clone(&received), Arc::clone(&answer)));
    let test =
        TestApp::with(&[("DRIVELINE_MAIL", &url), ("DRIVELINE_MAIL_FROM", "Driveline <no-reply@example.com>")]).await;
    (test, received, answer)
}

async fn sign_up(test: &TestApp) {
    let ask = SignUp {
        email: "ann@example.com".to_owned(),
        password: PASSWORD.into(),
        name: "Ann".to_owned(),
        group: "Bayside".to_owned(),
    };
    test.app.identity().sign_up(ask, &TestApp::browser(1)).await.unwrap();
}

#[tokio::test]
async fn a_mail_is_sent_once_and_again_only_where_the_server_refused_it() {
    let (test, received, answer) = with_server(Answer::Later).await;
    sign_up(&test).await;

    assert_eq!(test.app.mails().send_due().await.unwrap(), 1);
    assert_eq!(test.app.mails().send_due().await.unwrap(), 0, "it waits before it is tried again");
    assert!(received.lock().unwrap().is_empty());
    *answer.lock().unwrap() = Answer::Takes;
    test.pass(TimeDelta::minutes(1));
    assert_eq!(test.app.mails().send_due().await.unwrap(), 1);
    test.pass(TimeDelta::hours(1));
    assert_eq!(test.app.mails().send_due().await.unwrap(), 0);

    let sent = received.lock().unwrap().clone();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].contains("To: ann@example.com") && sent[0].contains("/verify?token="), "{}", sent[0]);
    assert!(test.app.mails().mailbox().await.unwrap().is_none(), "really sent mail is not shown");
}

#[tokio::test]
async fn a_refused_address_is_given_up_at_once_and_shown_until_mail_gets_through() {
    let (test, received, answer) = with_server(Answer::Takes).await;
    sign_up(&test).await;
    test.app.mails().send_all_due().await.unwrap();
    // Quoted-printable.
    let mail = received.lock().unwrap()[0].replace("=\n", "").replace("=3D", "=");
    let (_, link) = mail.split_once("/verify?token=").unwrap();
    let token = link.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    let ask = Verify { token, password: PASSWORD.into() };
    let session = test.app.identity().verify(ask, &TestApp::browser(1)).await.unwrap().session().unwrap();
    let scope = test.app.identity().of_session(&session.token).await.unwrap().unwrap().scope.unwrap();
    *answer.lock().unwrap() = Answer::NoSuchMailbox;
    let invite = || Invite { email: "bbo@example.com".to_owned(), role: Role::Reviewer, rooftop: None };
    let first = test.app.people().invite(&scope, invite()).await.unwrap();

    assert_eq!(test.app.mails().send_due().await.unwrap(), 1);
    test.pass(TimeDelta::hours(2));
    assert_eq!(test.app.mails().send_due().await.unwrap(), 0, "nobody is there: it is not tried again");
    assert_eq!(refused(&test, &scope).await, ["bbo@example.com"]);

    // The mailbox was made meanwhile.
    *answer.lock().unwrap() = Answer::Takes;
    test.app.people().remove(&scope, first).await.unwrap();
    test.app.people().invite(&scope, invite()).await.unwrap();
    test.app.mails().send_all_due().await.unwrap();
    assert!(received.lock().unwrap().last().unwrap().contains("To: bbo@example.com"));
    assert!(refused(&test, &scope).await.is_empty());
}

/// The addresses of the team that refused mail.
async fn refused(test: &TestApp, scope: &TenantScope) -> Vec<String> {
    let team = test.app.people().list(scope).await.unwrap();
    team.into_iter().filter(|member| member.mail_refused_at.is_some()).map(|member| member.email).collect()
}
