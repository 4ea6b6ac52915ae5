//! The setup checklist. What is done is read from what is there: it can be left and taken up at any time.

use crate::portal::{Answer, PageProblem, Visitor};
use crate::ui::{ButtonKind, LinkButton, Page, StepRow, Steps, plural};
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::views::setup::{Setup, Stage};
use leptos::prelude::*;

/// `GET /setup`
pub async fn page(request: HttpRequest, visitor: Visitor, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let setup = app.views().setup(&visitor.scope).await?;
    Ok(Answer::to(&request, &visitor, "Setup").page(|| show(setup)))
}

fn show(setup: Setup) -> AnyView {
    let done = setup.is_done();
    // The first open step has the page's one loud button.
    let mut loud = true;
    let mut action = |open: bool, href: String, label: &'static str| {
        if !open {
            return ().into_any();
        }
        let kind = if std::mem::take(&mut loud) { ButtonKind::Primary } else { ButtonKind::Secondary };
        view! { <LinkButton href=href label=label kind=kind/> }.into_any()
    };
    let dms = setup.dms.is_done();
    let mut steps = vec![
        StepRow {
            title: "Confirm your e-mail address".to_owned(),
            done: setup.verified.then_some(true),
            text: "So that alerts reach you.".to_owned(),
            action: ().into_any(),
        },
        StepRow {
            title: "Add your rooftops".to_owned(),
            done: (setup.rooftops > 0).then_some(true),
            text: if setup.rooftops == 0 {
                "Each dealership at its own address, with its time zone.".to_owned()
            } else {
                plural(setup.rooftops as u64, "rooftop", "rooftops")
            },
            action: action(setup.rooftops == 0, "/settings/rooftops".to_owned(), "Add a rooftop"),
        },
    ];
    for (stage, title, role, purpose) in [
        (
            &setup.dms,
            "Connect the DMS",
            "dms",
            "Customers, vehicles, inventory, deals and repair orders come from here.",
        ),
        (&setup.crm, "Connect the CRM", "crm", "It gets one clean record per customer, and tells of leads."),
        (
            &setup.website,
            "Connect the website",
            "website",
            "It shows what is for sale; sold vehicles disappear at once.",
        ),
    ] {
        steps.push(match stage {
            Stage::Missing => StepRow {
                title: title.to_owned(),
                done: None,
                text: purpose.to_owned(),
                action: action(setup.rooftops > 0, format!("/connections/new?role={role}"), "Connect"),
            },
            Stage::Begun(id, name) => StepRow {
                title: title.to_owned(),
                done: None,
                text: format!("{name} is saved, but its test has not passed yet."),
                action: action(true, format!("/connections/{id}"), "Continue"),
            },
            Stage::Working(_, name) => StepRow {
                title: title.to_owned(),
                done: Some(true),
                text: format!("{name} works."),
                action: ().into_any(),
            },
        });
    }
    let first_sync = match &setup.dms {
        Stage::Working(id, _) => format!("/connections/{id}"),
        Stage::Missing | Stage::Begun(..) => "/connections".to_owned(),
    };
    steps.push(StepRow {
        title: "Run the first sync".to_owned(),
        done: setup.synced.then_some(true),
        text: if setup.synced {
            "The first load is done.".to_owned()
        } else {
            "Reads everything once; after that only changes. You can watch it.".to_owned()
        },
        action: action(dms && !setup.synced, first_sync, "Start it"),
    });
    view! {
        <Page
            title="Setup"
            lead=Some(view! { "You can leave at any time and go on later; what is done stays done." }.into_any())
            actions=done.then(|| view! { <LinkButton href="/" label="Go home" kind=ButtonKind::Primary/> }.into_any())
        >
            <div class="max-w-prose"><Steps steps=steps/></div>
        </Page>
    }
    .into_any()
}
