//! Settings: what all their parts share, and rooftops.

use crate::portal::{Answer, Errors, PageProblem, Posted, Typed, Visitor, see_other};
use crate::ui::{Button, ButtonKind, Choice, Field, Form, FormNotice, Page, ROW, Section, TD, Tab, Table, Tabs, When};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::rooftops::RooftopForm;
use domain::RooftopId;
use domain::permission::Permission;
use leptos::prelude::*;

/// Which part of the settings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Rooftops.
    Rooftops,
    /// People and roles.
    Team,
    /// The group's own issuer.
    SingleSignOn,
    /// API keys.
    Keys,
    /// The audit trail.
    Audit,
    /// How one signs in oneself.
    Security,
    /// Browsers that are signed in.
    Sessions,
}

/// The parts that a visitor may see.
pub(super) fn tabs(visitor: &Visitor, current: Part) -> Vec<Tab> {
    [
        (Part::Rooftops, "/settings/rooftops", "Rooftops", true),
        (Part::Team, "/settings/team", "Team", visitor.may(Permission::ManagePeople)),
        (
            Part::SingleSignOn,
            "/settings/single-sign-on",
            "Single sign-on",
            visitor.may_at(None, Permission::ManagePeople),
        ),
        (Part::Keys, "/settings/keys", "API keys", visitor.may_at(None, Permission::ManageKeys)),
        (Part::Audit, "/settings/audit", "Audit trail", visitor.may_at(None, Permission::ReadAudit)),
        (Part::Security, "/settings/security", "Your sign-in", true),
        (Part::Sessions, "/settings/sessions", "Your sessions", true),
    ]
    .into_iter()
    .filter(|(_, _, _, may)| *may)
    .map(|(part, href, label, _)| Tab { href: href.to_owned(), label: label.to_owned(), current: part == current })
    .collect()
}

pub(super) fn frame(tabs: Vec<Tab>, content: AnyView) -> AnyView {
    view! {
        <Page title="Settings">
            <Tabs label="Settings" tabs=tabs/>
            {content}
        </Page>
    }
    .into_any()
}

/// `GET /settings`
pub async fn start(_visitor: Visitor) -> HttpResponse {
    see_other("/settings/rooftops")
}

/// Rooftops: id and name.
pub(super) type Rooftops = Vec<(String, String)>;

pub(super) async fn rooftops(visitor: &Visitor, app: &App) -> Result<Rooftops, PageProblem> {
    let list = app.rooftops().list(&visitor.scope).await?;
    Ok(list.into_iter().map(|rooftop| (rooftop.id.to_string(), rooftop.name)).collect())
}

/// `GET /settings/rooftops`
pub async fn rooftop_list(
    request: HttpRequest,
    visitor: Visitor,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let typed = Typed::default().with("time_zone", "America/New_York");
    show_rooftops(&request, &visitor, &app, &typed, &Errors::default()).await
}

/// What was typed of a rooftop.
fn rooftop_form(typed: &Typed) -> RooftopForm {
    let text = |name: &str| typed.text(name).to_owned();
    RooftopForm {
        name: text("name"),
        code: text("code"),
        time_zone: text("time_zone"),
        street: text("street"),
        city: text("city"),
        state: text("state"),
        zip: text("zip"),
        phone: text("phone"),
    }
}

/// `POST /settings/rooftops`
pub async fn save_rooftop(
    request: HttpRequest,
    posted: Posted,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    match app.rooftops().create(&posted.visitor.scope, &rooftop_form(&posted.typed)).await {
        // Who still sets up goes on with that.
        Ok(_) if !posted.visitor.frame.setup_done => Ok(see_other("/setup?done=rooftop")),
        Ok(_) => Ok(see_other("/settings/rooftops?done=rooftop")),
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            show_rooftops(&request, &posted.visitor, &app, &posted.typed, &errors).await
        }
    }
}

async fn show_rooftops(
    request: &HttpRequest,
    visitor: &Visitor,
    app: &App,
    typed: &Typed,
    errors: &Errors,
) -> Result<HttpResponse, PageProblem> {
    let (typed, errors) = (typed.clone(), errors.clone());
    let list = app.rooftops().list(&visitor.scope).await?;
    let may = visitor.may_at(None, Permission::ManageRooftops);
    let tabs = tabs(visitor, Part::Rooftops);
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok(Answer::to(request, visitor, "Rooftops").status(status).page(|| {
        let rows = list
            .into_iter()
            .map(|rooftop| {
                let place = [rooftop.city, rooftop.state].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
                let name = if may {
                    view! { <a class="font-medium hover:underline" href=format!("/settings/rooftops/{}", rooftop.id)>{rooftop.name}</a> }.into_any()
                } else {
                    rooftop.name.into_any()
                };
                view! {
                    <tr class=ROW>
                        <td class=TD>{name}</td>
                        <td class=TD><code>{rooftop.code}</code></td>
                        <td class=TD>{place}</td>
                        <td class=TD>{rooftop.time_zone}</td>
                        <td class=TD><When at=rooftop.created_at/></td>
                    </tr>
                }
            })
            .collect::<Vec<_>>();
        let content = view! {
            {(!rows.is_empty()).then(|| view! {
                <Table caption="Rooftops" heads=&["Name", "Code", "Place", "Time zone", "Since"]>{rows}</Table>
            })}
            {may.then(|| view! {
                <Section title="Add a rooftop">
                    <Form action="/settings/rooftops" class="flex max-w-form flex-col gap-4">
                        {rooftop_fields(&typed, &errors)}
                        <div><Button label="Add the rooftop" kind=ButtonKind::Primary/></div>
                    </Form>
                </Section>
            })}
        }
        .into_any();
        frame(tabs, content)
    }))
}

/// US time zones, and what people call them.
const ZONES: [(&str, &str); 7] = [
    ("America/New_York", "Eastern (New York)"),
    ("America/Chicago", "Central (Chicago)"),
    ("America/Denver", "Mountain (Denver)"),
    ("America/Phoenix", "Mountain without summer time (Phoenix)"),
    ("America/Los_Angeles", "Pacific (Los Angeles)"),
    ("America/Anchorage", "Alaska (Anchorage)"),
    ("Pacific/Honolulu", "Hawaii (Honolulu)"),
];

fn rooftop_fields(typed: &Typed, errors: &Errors) -> AnyView {
    let zone = typed.text("time_zone").to_owned();
    let mut zones: Vec<_> = ZONES.iter().map(|(key, words)| ((*key).to_owned(), (*words).to_owned())).collect();
    if !zone.is_empty() && !zones.iter().any(|(key, _)| *key == zone) {
        zones.push((zone.clone(), zone.clone()));
    }
    let field = |name: &'static str, label: &'static str, required: bool| {
        view! { <Field name=name label=label value=typed.text(name) error=errors.of(name) required=required/> }
    };
    view! {
        <FormNotice error=errors.whole()/>
        {field("name", "Name", true)}
        <Choice name="time_zone" label="Time zone" value=zone options=zones error=errors.of("time_zone")/>
        <Field
            name="code"
            label="Code"
            value=typed.text("code")
            error=errors.of("code")
            help="Short and unique in the group; feeds name the store by it. Made from the name where it is empty."
            required=false
        />
        {field("street", "Street", false)}
        {field("city", "City", false)}
        {field("state", "State", false)}
        {field("zip", "ZIP", false)}
        {field("phone", "Phone", false)}
    }
    .into_any()
}

/// `GET /settings/rooftops/{id}`
pub async fn rooftop(
    request: HttpRequest,
    visitor: Visitor,
    id: web::Path<RooftopId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let rooftop = app.rooftops().get(&visitor.scope, id.into_inner()).await?;
    let typed = Typed::default()
        .with("name", rooftop.name.clone())
        .with("code", rooftop.code)
        .with("time_zone", rooftop.time_zone)
        .with("street", rooftop.street)
        .with("city", rooftop.city)
        .with("state", rooftop.state)
        .with("zip", rooftop.zip)
        .with("phone", rooftop.phone);
    Ok(show_rooftop(&request, &visitor, rooftop.id, typed, Errors::default()))
}

/// `POST /settings/rooftops/{id}`
pub async fn change_rooftop(
    request: HttpRequest,
    posted: Posted,
    id: web::Path<RooftopId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let id = id.into_inner();
    match app.rooftops().update(&posted.visitor.scope, id, &rooftop_form(&posted.typed)).await {
        Ok(_) => Ok(see_other("/settings/rooftops?done=rooftop")),
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            Ok(show_rooftop(&request, &posted.visitor, id, posted.typed, errors))
        }
    }
}

fn show_rooftop(request: &HttpRequest, visitor: &Visitor, id: RooftopId, typed: Typed, errors: Errors) -> HttpResponse {
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Answer::to(request, visitor, "Change the rooftop").status(status).page(|| {
        view! {
            <Page title="Change the rooftop" up=Some(("/settings/rooftops".to_owned(), "Rooftops".to_owned()))>
                <Form action=format!("/settings/rooftops/{id}") class="flex max-w-form flex-col gap-4">
                    {rooftop_fields(&typed, &errors)}
                    <div><Button label="Save" kind=ButtonKind::Primary/></div>
                </Form>
            </Page>
        }
        .into_any()
    })
}
