//! The demo's mailbox: the mails that would have been sent. It exists only where no mail server is set.

use crate::portal::{Answer, PageProblem};
use crate::ui::{Bare, When};
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::mail::KeptMail;
use leptos::prelude::*;

/// `GET /mailbox`
pub async fn page(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let mails = app.mails().mailbox().await?.ok_or(PageProblem::Missing)?;
    Ok(Answer::to_anybody(&request, "Demo mailbox").page(|| show(mails)))
}

fn show(mails: Vec<KeptMail>) -> AnyView {
    view! {
        <Bare title="Demo mailbox" lead="Mails that a real installation would send. Newest first.">
            {mails.is_empty().then(|| view! { <p class="text-small text-muted">"No mail yet."</p> })}
            <ol class="flex flex-col gap-3">
                {mails
                    .into_iter()
                    .map(|mail| {
                        view! {
                            <li class="flex flex-col gap-1 rounded-md border border-line bg-raised p-4">
                                <h2 class="text-ui font-medium">{mail.subject}</h2>
                                <p class="text-meta text-muted">"to " {mail.to} ", " <When at=mail.at/></p>
                                <div class="flex flex-col gap-2 break-words pt-1 text-small">{body(&mail.text)}</div>
                            </li>
                        }
                    })
                    .collect_view()}
            </ol>
        </Bare>
    }
    .into_any()
}

/// The text, with addresses as links.
fn body(text: &str) -> AnyView {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let words = line
                .split(' ')
                .map(|word| {
                    if word.starts_with("http://") || word.starts_with("https://") {
                        view! { <a class="break-all text-accent underline" href=word.to_owned()>{word.to_owned()}</a> " " }.into_any()
                    } else {
                        format!("{word} ").into_any()
                    }
                })
                .collect_view();
            view! { <p>{words}</p> }
        })
        .collect_view()
        .into_any()
}
