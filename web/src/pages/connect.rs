//! Connecting a system: the catalogue, the form beside its guide, and the test with a result for each step.

use crate::portal::{Answer, Errors, PageProblem, Posted, Query, Typed, Visitor, see_other};
use crate::ui::{
    Button, ButtonKind, Choice, ErrorCard, Field, Form, FormNotice, Lines, LinkButton, Notice, Page, ROW, Section,
    StepRow, Steps, TD, Table,
};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::connections::{ChangeConnection, Connect};
use app::views::catalogue::{self, EntryField, EntryKind, SystemEntry};
use app::views::connection;
use domain::permission::Permission;
use domain::{ConnectionId, ObjectKind, SystemRole};
use leptos::prelude::*;
use std::collections::BTreeMap;

/// `GET /connections/new`: the catalogue.
pub async fn choose(request: HttpRequest, visitor: Visitor, query: Query) -> Result<HttpResponse, PageProblem> {
    let role = query.0.text("role").parse::<SystemRole>().ok();
    Ok(Answer::to(&request, &visitor, "Connect a system").page(|| show_catalogue(role)))
}

/// `GET /connections/new/{system}`: its form.
pub async fn form(
    request: HttpRequest,
    visitor: Visitor,
    system: web::Path<String>,
    query: Query,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let system = catalogue::system(&system).ok_or(PageProblem::Missing)?;
    let wanted = Wanted::new(&visitor, system, None, &app).await?;
    let mut typed = Typed::default().with("name", wanted.system.name).with("role", query.0.text("role"));
    if let Some((first, _)) = wanted.rooftops.first() {
        typed = typed.with("rooftop", first.clone());
    }
    for field in &wanted.system.form {
        typed = typed.with(field.name, field.default.unwrap_or_default());
    }
    Ok(answer(&request, &visitor, wanted, &typed, &Errors::default()))
}

/// `GET /connections/{id}/edit`: the form with what is stored; credentials stay empty.
pub async fn edit(
    request: HttpRequest,
    visitor: Visitor,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let shown = app.connections().get(&visitor.scope, id.into_inner()).await?;
    let system = catalogue::system(&shown.connector).ok_or(PageProblem::Missing)?;
    let mut typed = Typed::default().with("name", shown.name.clone());
    for field in &system.form {
        let stored = shown.settings.get(field.name).cloned();
        typed = typed.with(field.name, stored.unwrap_or_else(|| field.default.unwrap_or_default().to_owned()));
    }
    let wanted = Wanted::new(&visitor, system, Some(shown.id), &app).await?;
    Ok(answer(&request, &visitor, wanted, &typed, &Errors::default()))
}

/// What was typed into the fields of a system's form. Empty credentials are left out: a stored one stays.
fn values(system: &SystemEntry, typed: &Typed) -> BTreeMap<String, String> {
    system
        .form
        .iter()
        .filter(|field| field.kind != EntryKind::Secret || !typed.raw(field.name).is_empty())
        .map(|field| (field.name.to_owned(), typed.raw(field.name).to_owned()))
        .collect()
}

/// `POST /connections/new/{system}`: save and test.
pub async fn save(
    request: HttpRequest,
    posted: Posted,
    system: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let system = catalogue::system(&system).ok_or(PageProblem::Missing)?;
    let (visitor, typed) = (&posted.visitor, &posted.typed);
    let ask = Connect {
        connector: system.key.to_owned(),
        name: typed.text("name").to_owned(),
        rooftop: typed.text("rooftop").parse().ok(),
        role: typed.text("role").parse().ok(),
        values: values(&system, typed),
    };
    match app.connections().connect(&visitor.scope, ask).await {
        Ok(shown) => Ok(on_to_test(shown.id)),
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            let wanted = Wanted::new(visitor, system, None, &app).await?;
            Ok(answer(&request, visitor, wanted, typed, &errors))
        }
    }
}

/// `POST /connections/{id}/edit`: save and test again.
pub async fn save_again(
    request: HttpRequest,
    posted: Posted,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let id = id.into_inner();
    let (visitor, typed) = (&posted.visitor, &posted.typed);
    let shown = app.connections().get(&visitor.scope, id).await?;
    let system = catalogue::system(&shown.connector).ok_or(PageProblem::Missing)?;
    let ask =
        ChangeConnection { name: Some(typed.text("name").to_owned()), role: None, values: values(&system, typed) };
    match app.connections().change(&visitor.scope, id, ask).await {
        Ok(_) => Ok(on_to_test(id)),
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            let wanted = Wanted::new(visitor, system, Some(id), &app).await?;
            Ok(answer(&request, visitor, wanted, typed, &errors))
        }
    }
}

/// Sends the same post on to the test, so that a reload tests again and does not connect again.
fn on_to_test(id: ConnectionId) -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, format!("/connections/{id}/test"))).finish()
}

/// `POST /connections/{id}/test`
pub async fn test(
    request: HttpRequest,
    posted: Posted,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let (visitor, id) = (posted.visitor, id.into_inner());
    let shown = app.connections().get(&visitor.scope, id).await?;
    let tested = app.connections().test(&visitor.scope, id).await?;
    let steps = connection::steps(&tested)
        .into_iter()
        .map(|step| StepRow::of_test(step.name, step.went_well, &step.said, &step.fix))
        .collect();
    let samples = tested
        .samples
        .iter()
        .filter(|sample| !sample.payloads.is_empty())
        .map(|sample| (sample.object, sample.payloads.iter().map(facts).collect()))
        .collect();
    Ok(Answer::to(&request, &visitor, format!("Test of {}", shown.name))
        .page(|| show_tested(shown.name, id, shown.has_oauth, tested.is_good, steps, samples)))
}

/// `GET /connections/{id}/sign-in`: on to the vendor's own sign-in page.
pub async fn sign_in(
    visitor: Visitor,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    Ok(see_other(app.connections().start_oauth(&visitor.session, id.into_inner()).await?))
}

/// `GET /oauth/callback`: back from the vendor's sign-in page.
pub async fn callback(visitor: Visitor, query: Query, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let asked = &query.0;
    if asked.text("code").is_empty() {
        let why = match asked.text("error_description") {
            "" => "The vendor's sign-in page sent you back without a permission",
            said => said,
        };
        return Err(PageProblem::NotNow(why.to_owned()));
    }
    let id = app.connections().finish_oauth(&visitor.session, asked.text("code"), asked.text("state")).await?;
    Ok(see_other(format!("/connections/{id}?done=signed-in-there")))
}

/// What a payload says, as `name value` pairs; what is empty or zero says nothing.
fn facts(payload: &serde_json::Value) -> String {
    let Some(fields) = payload.as_object() else { return payload.to_string() };
    let mut said = Vec::new();
    for (name, value) in fields {
        match value {
            serde_json::Value::String(text) if !matches!(text.trim(), "" | "0") => {
                said.push(format!("{name} {}", text.trim()))
            }
            serde_json::Value::Number(number) => said.push(format!("{name} {number}")),
            serde_json::Value::Bool(flag) => said.push(format!("{name} {flag}")),
            serde_json::Value::Object(_) => said.extend(Some(facts(value)).filter(|inner| !inner.is_empty())),
            serde_json::Value::String(_) | serde_json::Value::Null | serde_json::Value::Array(_) => {}
        }
    }
    said.join(" · ")
}

fn show_catalogue(role: Option<SystemRole>) -> AnyView {
    let systems = catalogue::systems();
    let lead = role.map_or_else(
        || "Choose the system to connect.".to_owned(),
        |role| format!("Systems that play the part of a {}. All others are listed below.", role.label()),
    );
    let (first, others): (Vec<_>, Vec<_>) = systems
        .into_iter()
        .partition(|system| role.is_none_or(|role| system.role == role || system.role == SystemRole::Other));
    view! {
        <Page title="Connect a system" up=Some(("/connections".to_owned(), "Connections".to_owned())) lead=Some(view! { {lead} }.into_any())>
            {cards(first, role)}
            {(!others.is_empty()).then(|| view! { <Section title="Other systems">{cards(others, None)}</Section> })}
        </Page>
    }
    .into_any()
}

fn cards(systems: Vec<SystemEntry>, role: Option<SystemRole>) -> AnyView {
    let of = role.map(|role| format!("?role={role}")).unwrap_or_default();
    view! {
        <ul class="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
            {systems
                .into_iter()
                .map(|system| {
                    let list = |objects: &[ObjectKind]| objects.iter().map(|object| object.plural()).collect::<Vec<_>>().join(", ");
                    let (reads, writes) = (list(&system.reads), list(&system.writes));
                    view! {
                        <li class="flex flex-col gap-2 rounded-md border border-line bg-raised p-4">
                            <div class="flex items-baseline justify-between gap-2">
                                <h3 class="text-ui font-medium">{system.name}</h3>
                                <span class="text-meta text-muted">{system.role.label()}</span>
                            </div>
                            <p class="flex-1 text-small text-muted">{system.summary}</p>
                            {(!reads.is_empty()).then(|| view! { <p class="text-meta"><span class="text-muted">"Reads "</span>{reads}</p> })}
                            {(!writes.is_empty()).then(|| view! { <p class="text-meta"><span class="text-muted">"Writes "</span>{writes}</p> })}
                            <div>
                                <a
                                    href=format!("/connections/new/{}{of}", system.key)
                                    class="inline-flex min-h-8 pointer-coarse:min-h-11 items-center rounded-sm border border-line bg-raised px-3 text-ui font-medium hover:bg-sunken"
                                >
                                    "Connect" <span class="sr-only">{format!(" {}", system.name)}</span>
                                </a>
                            </div>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
    .into_any()
}

impl Wanted {
    async fn new(
        visitor: &Visitor,
        system: SystemEntry,
        changes: Option<ConnectionId>,
        app: &App,
    ) -> Result<Self, PageProblem> {
        let rooftops = app.rooftops().list(&visitor.scope).await?;
        let rooftops = rooftops
            .into_iter()
            .filter(|rooftop| visitor.may_at(Some(rooftop.id), Permission::ManageConnections))
            .map(|rooftop| (rooftop.id.to_string(), rooftop.name))
            .collect();
        Ok(Self { system, rooftops, changes, group: visitor.may_at(None, Permission::ManageConnections) })
    }
}

/// What a form needs beside what was typed.
struct Wanted {
    system: SystemEntry,
    /// Id and name.
    rooftops: Vec<(String, String)>,
    /// The connection that is changed; `None` for a new one.
    changes: Option<ConnectionId>,
    /// Whether the visitor may connect a system for the whole group.
    group: bool,
}

fn answer(request: &HttpRequest, visitor: &Visitor, wanted: Wanted, typed: &Typed, errors: &Errors) -> HttpResponse {
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let title = format!("Connect {}", wanted.system.name);
    Answer::to(request, visitor, title.clone()).status(status).page(|| show_form(title, wanted, typed, errors))
}

fn show_form(title: String, wanted: Wanted, typed: &Typed, errors: &Errors) -> AnyView {
    let (typed, errors) = (typed.clone(), errors.clone());
    let Wanted { system, mut rooftops, changes, group } = wanted;
    let (action, up) = match changes {
        Some(id) => (format!("/connections/{id}/edit"), (format!("/connections/{id}"), "The connection".to_owned())),
        None => (format!("/connections/new/{}", system.key), ("/connections/new".to_owned(), "Catalogue".to_owned())),
    };
    if group {
        rooftops.push((String::new(), "All rooftops of the group".to_owned()));
    }
    let role = typed.text("role").to_owned();
    let guide = system.demands;
    let fields = system.form.iter().map(|field| input(field, &typed, &errors, changes.is_some())).collect_view();
    view! {
        <Page title=title up=Some(up) lead=Some(view! { {system.summary} }.into_any())>
            <div class="grid gap-8 lg:grid-cols-[minmax(0,400px)_minmax(0,1fr)]">
                <Form action=action>
                    <FormNotice error=errors.whole()/>
                    <Field name="name" label="What you call it" value=typed.text("name") error=errors.of("name")/>
                    <input type="hidden" name="role" value=role/>
                    {changes.is_none().then(|| view! {
                        <Choice name="rooftop" label="Rooftop" value=typed.text("rooftop") options=rooftops error=errors.of("rooftop")/>
                    })}
                    {fields}
                    <div class="flex flex-wrap gap-2">
                        <Button label="Save & test" kind=ButtonKind::Primary/>
                        <LinkButton href="/connections" label="Cancel"/>
                    </div>
                </Form>
                <aside class="flex max-w-prose flex-col gap-3 text-small lg:border-l lg:border-line lg:pl-8">
                    <h2 class="text-ui font-semibold">"Before you start"</h2>
                    <p>{if guide.is_empty() { "Nothing has to be arranged with the vendor first." } else { guide }}</p>
                    <p class="text-muted">
                        "Credentials are sealed as soon as you save and are never shown again. The test reads a few records and changes nothing."
                    </p>
                </aside>
            </div>
        </Page>
    }
    .into_any()
}

fn input(field: &EntryField, typed: &Typed, errors: &Errors, changes: bool) -> AnyView {
    let (value, error) = (typed.raw(field.name).to_owned(), errors.of(field.name));
    match &field.kind {
        EntryKind::Secret => {
            // A stored credential stays where nothing is typed.
            let (required, help) = if changes {
                (false, format!("{} Leave it empty to keep the stored one.", field.help))
            } else {
                (field.required, field.help.to_owned())
            };
            view! { <Field name=field.name label=field.label kind="password" help=help error=error required=required/> }.into_any()
        }
        EntryKind::Lines => {
            view! { <Lines name=field.name label=field.label help=field.help value=value error=error required=field.required/> }.into_any()
        }
        EntryKind::Choice(options) => {
            let mut options: Vec<_> = options.iter().map(|option| ((*option).to_owned(), (*option).to_owned())).collect();
            if !field.required && field.default.is_none() {
                options.insert(0, (String::new(), "–".to_owned()));
            }
            view! { <Choice name=field.name label=field.label help=field.help value=value options=options error=error/> }.into_any()
        }
        EntryKind::Text | EntryKind::Url | EntryKind::Number => {
            let kind = match field.kind {
                EntryKind::Url => "url",
                EntryKind::Number => "number",
                EntryKind::Text | EntryKind::Secret | EntryKind::Lines | EntryKind::Choice(_) => "text",
            };
            // Bare host names are taken too, so the browser does not insist on a scheme.
            let kind = if kind == "url" && !value.is_empty() && !value.contains("://") { "text" } else { kind };
            view! { <Field name=field.name label=field.label kind=kind help=field.help value=value error=error required=field.required/> }.into_any()
        }
    }
}

/// The test's steps, and real records that were read.
fn show_tested(
    name: String,
    id: ConnectionId,
    oauth: bool,
    good: bool,
    steps: Vec<StepRow>,
    samples: Vec<(ObjectKind, Vec<String>)>,
) -> AnyView {
    view! {
        <Page
            title=format!("Test of {name}")
            up=Some((format!("/connections/{id}"), name.clone()))
        >
            {if good {
                view! { <Notice text="Every step went well. The connection works. After the first sync, changes are read every 15 minutes."/> }.into_any()
            } else {
                view! { <ErrorCard title="The connection does not work yet" text="The first failed step says what to do. What you typed is saved."/> }.into_any()
            }}
            <div class="max-w-prose"><Steps steps=steps/></div>
            <div class="flex flex-wrap gap-2">
                {good.then(|| view! {
                    <Form action=format!("/connections/{id}/sync") class="contents">
                        <Button name="first" value="yes" label="Start the first sync" kind=ButtonKind::Primary/>
                    </Form>
                    <LinkButton href=format!("/connections/{id}") label="See the connection"/>
                })}
                // The policy lets a form lead nowhere but here, so on to the vendor's page it goes by a link.
                {(!good && oauth).then(|| view! {
                    <LinkButton href=format!("/connections/{id}/sign-in") label="Sign in at the vendor" kind=ButtonKind::Primary/>
                })}
                {(!good).then(|| view! {
                    <LinkButton
                        href=format!("/connections/{id}/edit")
                        label="Change and test again"
                        kind=if oauth { ButtonKind::Secondary } else { ButtonKind::Primary }
                    />
                    <Form action=format!("/connections/{id}/test") class="contents"><Button label="Test again"/></Form>
                })}
            </div>
            {samples
                .into_iter()
                .map(|(object, rows)| view! {
                    <Section title=format!("A few real {}", object.plural())>
                        <Table caption=format!("Sample of {}", object.plural()) heads=&["As the system sent it"]>
                            {rows
                                .into_iter()
                                .map(|text| view! {
                                    <tr class=ROW>
                                        <td class=TD><span class="line-clamp-3 break-words">{text}</span></td>
                                    </tr>
                                })
                                .collect_view()}
                        </Table>
                    </Section>
                })
                .collect_view()}
        </Page>
    }
    .into_any()
}
