//! Settings: rooftops, people and their roles, API keys, the audit trail, one's own sessions.

use crate::portal::{Answer, Errors, PageProblem, Posted, Query, Typed, Visitor, see_other};
use crate::ui::{
    Button, ButtonKind, Choice, Field, Form, FormNotice, Page, Pager, ROW, Section, Status, TD, Tab, Table, Tabs, Tick,
    Tone, Until, When,
};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::api_keys::{KeyMade, KeyShown, MakeKey};
use app::identity::SessionShown;
use app::people::{Invite, MemberShown};
use app::rooftops::RooftopForm;
use app::views::trail::TrailLine;
use chrono::{DateTime, TimeDelta, Utc};
use domain::RooftopId;
use domain::permission::{Permission, Role};
use leptos::prelude::*;

/// Entries of one page of the trail.
const PAGE_SIZE: u32 = 50;

/// Which part of the settings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Rooftops,
    Team,
    Keys,
    Audit,
    Sessions,
}

/// The parts that a visitor may see.
fn tabs(visitor: &Visitor, current: Part) -> Vec<Tab> {
    [
        (Part::Rooftops, "/settings/rooftops", "Rooftops", true),
        (Part::Team, "/settings/team", "Team", visitor.may(Permission::ManagePeople)),
        (Part::Keys, "/settings/keys", "API keys", visitor.may_at(None, Permission::ManageKeys)),
        (Part::Audit, "/settings/audit", "Audit trail", visitor.may_at(None, Permission::ReadAudit)),
        (Part::Sessions, "/settings/sessions", "Your sessions", true),
    ]
    .into_iter()
    .filter(|(_, _, _, may)| *may)
    .map(|(part, href, label, _)| Tab { href: href.to_owned(), label: label.to_owned(), current: part == current })
    .collect()
}

fn frame(tabs: Vec<Tab>, content: AnyView) -> AnyView {
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

/// What a role may do, in words.
const ROLES: [(Role, &str); 5] = [
    (Role::Viewer, "Viewer: sees records and runs"),
    (Role::Reviewer, "Reviewer: also decides duplicates and retries failures"),
    (Role::RooftopManager, "Rooftop manager: also connects systems and starts syncs"),
    (Role::GroupAdmin, "Group admin: also people, keys and rooftops"),
    (Role::Owner, "Owner: everything"),
];

fn role_words(role: Role) -> &'static str {
    match role {
        Role::Viewer => "Viewer",
        Role::Reviewer => "Reviewer",
        Role::RooftopManager => "Rooftop manager",
        Role::GroupAdmin => "Group admin",
        Role::Owner => "Owner",
    }
}

/// Rooftops: id and name.
type Rooftops = Vec<(String, String)>;

async fn rooftops(visitor: &Visitor, app: &App) -> Result<Rooftops, PageProblem> {
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

/// `GET /settings/team`
pub async fn team(request: HttpRequest, visitor: Visitor, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    show_team(&request, &visitor, &app, &Typed::default(), &Errors::default()).await
}

/// `POST /settings/team`
pub async fn invite(request: HttpRequest, posted: Posted, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let typed = &posted.typed;
    let ask = Invite {
        email: typed.text("email").to_owned(),
        role: typed.text("role").parse().map_err(|_| PageProblem::Unreadable)?,
        rooftop: typed.text("rooftop").parse().ok(),
    };
    match app.people().invite(&posted.visitor.scope, ask).await {
        Ok(_) => Ok(see_other("/settings/team?done=invited")),
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            show_team(&request, &posted.visitor, &app, typed, &errors).await
        }
    }
}

/// `POST /settings/team/{role}`: another role, or none any more.
pub async fn change_role(
    posted: Posted,
    membership: web::Path<uuid::Uuid>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let (scope, membership) = (&posted.visitor.scope, membership.into_inner());
    match posted.typed.text("role") {
        "" => {
            app.people().remove(scope, membership).await?;
            Ok(see_other("/settings/team?done=removed"))
        }
        role => {
            let role = role.parse().map_err(|_| PageProblem::Unreadable)?;
            app.people().set_role(scope, membership, role).await?;
            Ok(see_other("/settings/team?done=saved"))
        }
    }
}

async fn show_team(
    request: &HttpRequest,
    visitor: &Visitor,
    app: &App,
    typed: &Typed,
    errors: &Errors,
) -> Result<HttpResponse, PageProblem> {
    let (typed, errors) = (typed.clone(), errors.clone());
    let members = app.people().list(&visitor.scope).await?;
    let rooftops = rooftops(visitor, app).await?;
    let tabs = tabs(visitor, Part::Team);
    let group = visitor.may_at(None, Permission::ManagePeople);
    let owner = visitor.may_at(None, Permission::ManageOwners);
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let roles: Vec<_> = ROLES
        .iter()
        .filter(|(role, _)| *role != Role::Owner || owner)
        .map(|(role, words)| (role.name().to_owned(), (*words).to_owned()))
        .collect();
    let place = |id: Option<domain::RooftopId>| match id {
        None => "All rooftops".to_owned(),
        Some(id) => {
            let id = id.to_string();
            rooftops.iter().find(|(of, _)| *of == id).map(|(_, name)| name.clone()).unwrap_or_default()
        }
    };
    Ok(Answer::to(request, visitor, "Team").status(status).page(|| {
        let mut places = rooftops.clone();
        if group {
            places.insert(0, (String::new(), "All rooftops".to_owned()));
        }
        let rows = members.into_iter().map(|member| member_row(&member, &place(member.rooftop), &roles)).collect_view();
        let content = view! {
            <Table caption="People and their roles" heads=&["Name", "E-mail", "Role", "Where", "Since", ""]>{rows}</Table>
            <Section title="Add somebody">
                <Form action="/settings/team" class="flex max-w-form flex-col gap-4">
                    <FormNotice error=errors.whole()/>
                    <Field name="email" label="E-mail" kind="email" value=typed.text("email") error=errors.of("email")/>
                    <Choice name="role" label="Role" value=typed.text("role") options=roles.clone() error=errors.of("role")/>
                    <Choice name="rooftop" label="Where" value=typed.text("rooftop") options=places error=errors.of("rooftop")/>
                    <div><Button label="Add" kind=ButtonKind::Primary/></div>
                </Form>
            </Section>
        }
        .into_any();
        frame(tabs, content)
    }))
}

fn member_row(member: &MemberShown, place: &str, roles: &[(String, String)]) -> AnyView {
    let address = format!("/settings/team/{}", member.id);
    let field = format!("role-{}", member.id);
    let name = member.name.clone();
    let current = member.role.name();
    let (of_role, spoken, removed) = (format!("role of {name}"), format!("Role of {name}"), name.clone());
    let options = roles
        .iter()
        .map(|(key, words)| {
            let words = words.split(':').next().unwrap_or_default().to_owned();
            view! { <option value=key.clone() selected=key == current>{words}</option> }
        })
        .collect_view();
    view! {
        <tr class=ROW>
            <td class=TD><span class="font-medium">{name.clone()}</span></td>
            <td class=TD>
                {member.email.clone()}
                {member.mail_refused_at.map(|_| view! {
                    <div class="mt-1"><Status tone=Tone::Bad word="Mail is refused"/></div>
                    <p class="text-small text-muted">"Nobody gets mail at this address. Remove it and add the right one."</p>
                })}
            </td>
            <td class=TD>
                {if member.is_invited { view! { <Status tone=Tone::Quiet word="Invited"/> " " }.into_any() } else { ().into_any() }}
                {role_words(member.role)}
            </td>
            <td class=TD>{place.to_owned()}</td>
            <td class=TD><When at=member.created_at/></td>
            <td class=TD>
                <details>
                    <summary class="min-h-6 cursor-pointer underline decoration-dotted">
                        "Change" <span class="sr-only">{format!(" {name}")}</span>
                    </summary>
                    <div class="mt-2 flex flex-wrap gap-2">
                        <Form action=address.clone() class="flex flex-wrap gap-2">
                            <label class="sr-only" for=field.clone()>{spoken}</label>
                            <select id=field name="role" class="min-h-8 rounded-sm border border-line bg-raised px-2 text-small">
                                {options}
                            </select>
                            <Button label="Save" describes=of_role/>
                        </Form>
                        <Form action=address class="contents">
                            <Button label="Remove" kind=ButtonKind::Danger describes=removed/>
                        </Form>
                    </div>
                </details>
            </td>
        </tr>
    }
    .into_any()
}

/// `GET /settings/keys`
pub async fn keys(request: HttpRequest, visitor: Visitor, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    show_keys(&request, &visitor, &app, None, &Typed::default().with("days", "90"), &Errors::default()).await
}

/// `POST /settings/keys`: makes one, and shows it this once.
pub async fn make_key(request: HttpRequest, posted: Posted, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let typed = &posted.typed;
    let days = typed.text("days").parse::<i64>().ok().filter(|days| (1..=3_650).contains(days));
    let ask = MakeKey {
        name: typed.text("name").to_owned(),
        scopes: typed.all("scope").filter_map(|scope| scope.parse().ok()).collect(),
        rooftop: typed.text("rooftop").parse().ok(),
        expires_at: days.map(|days| app.now() + TimeDelta::days(days)),
    };
    match app.api_keys().make(&posted.visitor.scope, ask).await {
        Ok(made) => show_keys(&request, &posted.visitor, &app, Some(made), &Typed::default(), &Errors::default()).await,
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            show_keys(&request, &posted.visitor, &app, None, typed, &errors).await
        }
    }
}

/// `POST /settings/keys/{id}/revoke`
pub async fn revoke_key(
    posted: Posted,
    key: web::Path<domain::ApiKeyId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    app.api_keys().revoke(&posted.visitor.scope, key.into_inner()).await?;
    Ok(see_other("/settings/keys?done=revoked"))
}

async fn show_keys(
    request: &HttpRequest,
    visitor: &Visitor,
    app: &App,
    made: Option<KeyMade>,
    typed: &Typed,
    errors: &Errors,
) -> Result<HttpResponse, PageProblem> {
    let (typed, errors) = (typed.clone(), errors.clone());
    let keys = app.api_keys().list(&visitor.scope).await?;
    let rooftops = rooftops(visitor, app).await?;
    let tabs = tabs(visitor, Part::Keys);
    let may: Vec<_> = Permission::ALL.into_iter().filter(|permission| visitor.may_at(None, *permission)).collect();
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let now = app.now();
    Ok(Answer::to(request, visitor, "API keys").status(status).page(|| {
        let mut places = rooftops;
        places.insert(0, (String::new(), "All rooftops".to_owned()));
        let wrong_scopes = errors.of("scopes");
        let described = wrong_scopes.is_some().then_some("scopes-error");
        let content = view! {
            {made.map(|made| view! {
                <div role="status" class="flex flex-col gap-1 rounded-md border border-line bg-raised p-4">
                    <p class="text-ui font-medium">"Copy this key now. It is not shown again."</p>
                    <code class="break-all rounded-sm bg-sunken px-3 py-2">{made.secret}</code>
                </div>
            })}
            {if keys.is_empty() {
                view! { <p class="text-small text-muted">"No keys yet. Programs use them to call the API under /api/v1."</p> }.into_any()
            } else {
                view! {
                    <Table caption="API keys" heads=&["Name", "Starts with", "May", "Status", "Last used", "Made", ""]>
                        {keys.into_iter().map(|key| key_row(key, now)).collect_view()}
                    </Table>
                }
                    .into_any()
            }}
            <Section title="Make a key">
                <Form action="/settings/keys" class="flex max-w-form flex-col gap-4">
                    <FormNotice error=errors.whole()/>
                    <Field name="name" label="Name" help="What it is for." value=typed.text("name") error=errors.of("name")/>
                    <fieldset class="flex flex-col gap-1" aria-describedby=described>
                        <legend class="pb-1 text-small font-medium">"It may"</legend>
                        {may
                            .into_iter()
                            .map(|permission| {
                                let checked = typed.all("scope").any(|scope| scope == permission.name());
                                let label = super::words::sentence(&permission.name().replace('_', " "));
                                view! { <Tick name="scope" value=permission.name() label=label checked=checked/> }
                            })
                            .collect_view()}
                        {wrong_scopes.map(|error| view! { <p id="scopes-error" class="text-small text-bad">{error}</p> })}
                    </fieldset>
                    <Choice name="rooftop" label="Where" value=typed.text("rooftop") options=places error=errors.of("rooftop")/>
                    <Choice
                        name="days"
                        label="Works for"
                        value=typed.text("days")
                        options=[("30", "30 days"), ("90", "90 days"), ("365", "One year"), ("never", "Until it is revoked")]
                            .map(|(key, words)| (key.to_owned(), words.to_owned()))
                            .to_vec()
                        error=errors.of("expires_at")
                    />
                    <div><Button label="Make the key" kind=ButtonKind::Primary/></div>
                </Form>
            </Section>
        }
        .into_any();
        frame(tabs, content)
    }))
}

fn key_row(key: KeyShown, now: DateTime<Utc>) -> AnyView {
    let (tone, word) = if key.revoked_at.is_some() {
        (Tone::Quiet, "Revoked")
    } else if key.expires_at.is_some_and(|until| until <= now) {
        (Tone::Quiet, "Over")
    } else {
        (Tone::Good, "Works")
    };
    let works = tone == Tone::Good;
    let may = key.scopes.iter().map(|scope| scope.name().replace('_', " ")).collect::<Vec<_>>().join(", ");
    let name = key.name.clone();
    view! {
        <tr class=ROW>
            <td class=TD><span class="font-medium">{key.name}</span></td>
            <td class=TD><code>{key.prefix}</code></td>
            <td class=TD>{may}</td>
            <td class=TD>
                <Status tone=tone word=word/>
                {key.expires_at.filter(|_| works).map(|until| view! { <span class="block text-meta text-muted">"ends " <When at=until/></span> })}
            </td>
            <td class=TD><Until at=key.last_used_at/></td>
            <td class=TD><When at=key.created_at/></td>
            <td class=TD>
                {works.then(|| view! {
                    <Form action=format!("/settings/keys/{}/revoke", key.id) class="contents">
                        <Button label="Revoke" kind=ButtonKind::Danger describes=name/>
                    </Form>
                })}
            </td>
        </tr>
    }
    .into_any()
}

/// `GET /settings/audit`
pub async fn audit(
    request: HttpRequest,
    visitor: Visitor,
    query: Query,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let before = query.0.text("before").parse().ok();
    let lines = app.views().trail(&visitor.scope, before, PAGE_SIZE).await?;
    let tabs = tabs(&visitor, Part::Audit);
    Ok(Answer::to(&request, &visitor, "Audit trail").page(|| frame(tabs, show_audit(lines, before.is_some()))))
}

fn show_audit(lines: Vec<TrailLine>, later: bool) -> AnyView {
    let full = lines.len() == usize::try_from(PAGE_SIZE).unwrap_or(usize::MAX);
    let next =
        lines.last().filter(|line| full && line.seq > 1).map(|line| format!("/settings/audit?before={}", line.seq));
    view! {
        <p class="max-w-prose text-small text-muted">"Who changed what, and when. Entries cannot be changed: each carries the hash of the one before."</p>
        <Table caption="The audit trail, newest first" heads=&["#No.", "When", "Who", "What", "Of what", "More"]>
            {lines
                .into_iter()
                .map(|line| view! {
                    <tr class=ROW>
                        <td class=crate::ui::NUMBER>{line.seq}</td>
                        <td class=TD><When at=line.at/></td>
                        <td class=TD>{line.who}</td>
                        <td class=TD>{line.action}</td>
                        <td class=TD>{line.subject}</td>
                        <td class=TD><code class="break-all">{line.detail}</code></td>
                    </tr>
                })
                .collect_view()}
        </Table>
        <Pager first=later.then(|| "/settings/audit".to_owned()) next=next/>
    }
    .into_any()
}

/// `GET /settings/sessions`
pub async fn sessions(
    request: HttpRequest,
    visitor: Visitor,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let sessions = app.identity().sessions(&visitor.session).await?;
    let tabs = tabs(&visitor, Part::Sessions);
    Ok(Answer::to(&request, &visitor, "Your sessions").page(|| frame(tabs, show_sessions(sessions))))
}

/// `POST /settings/sessions`: ends one (`id`), or all others.
pub async fn end_sessions(posted: Posted, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    match posted.typed.text("id").parse() {
        Ok(session) => app.identity().revoke_session(&posted.visitor.session, session).await?,
        Err(_) => {
            app.identity().revoke_other_sessions(&posted.visitor.session).await?;
        }
    }
    Ok(see_other("/settings/sessions?done=removed"))
}

fn show_sessions(sessions: Vec<SessionShown>) -> AnyView {
    let others = sessions.len() > 1;
    view! {
        <Table caption="Browsers where you are signed in" heads=&["Browser", "Since", "Last used", ""]>
            {sessions
                .into_iter()
                .map(|session| {
                    let browser = if session.user_agent.is_empty() { "A browser without a name".to_owned() } else { session.user_agent.clone() };
                    view! {
                        <tr class=ROW>
                            <td class=TD>
                                {session.is_this_one.then(|| view! { <Status tone=Tone::Good word="This one"/> " " })}
                                <span class="break-all">{browser.clone()}</span>
                            </td>
                            <td class=TD><When at=session.created_at/></td>
                            <td class=TD><When at=session.seen_at/></td>
                            <td class=TD>
                                {(!session.is_this_one).then(|| view! {
                                    <Form action="/settings/sessions" class="contents">
                                        <Button name="id" value=session.id.to_string() label="Sign out" kind=ButtonKind::Danger describes=browser/>
                                    </Form>
                                })}
                            </td>
                        </tr>
                    }
                })
                .collect_view()}
        </Table>
        {others.then(|| view! {
            <Form action="/settings/sessions" class="contents"><div><Button label="Sign out everywhere else" kind=ButtonKind::Danger/></div></Form>
        })}
    }
    .into_any()
}
