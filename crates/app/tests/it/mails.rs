//! Mail: sent to a real SMTP server, once; tried again where the server is away.

use app::identity::SignUp;
use chrono::TimeDelta;
use std::sync::{Arc, Mutex};
use testkit::TestApp;
use testkit::application::PASSWORD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What a mail server was sent.
type Received = Arc<Mutex<Vec<String>>>;

/// A mail server; `refuse` answers every mail with a passing failure.
async fn serve(listener: TcpListener, received: Received, refuse: Arc<Mutex<bool>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(talk(stream, Arc::clone(&received), *refuse.lock().unwrap()));
    }
}

async fn talk(stream: TcpStream, received: Received, refuse: bool) -> std::io::Result<()> {
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
            "MAIL" if refuse => b"451 later\r\n",
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

#[tokio::test]
async fn a_mail_is_sent_once_and_again_only_where_the_server_refused_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let (received, refuse) = (Received::default(), Arc::new(Mutex::new(true)));
    tokio::spawn(serve(listener, Arc::clone(&received), Arc::clone(&refuse)));
    let test =
        TestApp::with(&[("DRIVELINE_MAIL", &url), ("DRIVELINE_MAIL_FROM", "Driveline <no-reply@example.com>")]).await;
    let ask = SignUp {
        email: "ann@example.com".to_owned(),
        password: PASSWORD.into(),
        name: "Ann".to_owned(),
        group: "Bayside".to_owned(),
    };
    test.app.identity().sign_up(ask, &TestApp::browser(1)).await.unwrap();

    assert_eq!(test.app.mails().send_due().await.unwrap(), 1);
    assert_eq!(test.app.mails().send_due().await.unwrap(), 0, "it waits before it is tried again");
    assert!(received.lock().unwrap().is_empty());
    *refuse.lock().unwrap() = false;
    test.pass(TimeDelta::minutes(1));
    assert_eq!(test.app.mails().send_due().await.unwrap(), 1);
    test.pass(TimeDelta::hours(1));
    assert_eq!(test.app.mails().send_due().await.unwrap(), 0);

    let sent = received.lock().unwrap().clone();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].contains("To: ann@example.com") && sent[0].contains("/verify?token="), "{}", sent[0]);
    assert!(test.app.mails().mailbox().await.unwrap().is_none(), "really sent mail is not shown");
}
