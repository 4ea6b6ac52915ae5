//! Settings: API keys, made, rotated, revoked.

use super::settings::{Part, frame, rooftops, tabs};
use crate::portal::{Answer, Errors, PageProblem, Posted, Typed, Visitor, see_other};
use crate::ui::{
    Button, ButtonKind, Choice, Field, Form, FormNotice, ROW, Section, Status, TD, Table, Tick, Tone, Until, When,
};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::api_keys::{KeyMade, KeyShown, MakeKey, OVERLAP};
use chrono::{DateTime, TimeDelta, Utc};
use domain::ApiKeyId;
use domain::permission::Permission;
use leptos::prelude::*;
use std::collections::BTreeMap;

/// How long a key may go on beside its successor, in hours.
const OVERLAPS: [(&str, &str); 5] =
    [("0", "no time: it ends now"), ("1", "one hour"), ("24", "one day"), ("72", "three days"), ("168", "seven days")];

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
        Ok(made) => {
            let typed = Typed::default().with("days", "90");
            show_keys(&request, &posted.visitor, &app, Some(made), &typed, &Errors::default()).await
        }
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            show_keys(&request, &posted.visitor, &app, None, typed, &errors).await
        }
    }
}

/// `POST /settings/keys/{id}/rotate`: makes one in its place, and shows that this once.
pub async fn rotate_key(
    request: HttpRequest,
    posted: Posted,
    key: web::Path<domain::ApiKeyId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let hours = posted.typed.text("overlap_hours").parse().ok().and_then(TimeDelta::try_hours);
    let made = app.api_keys().rotate(&posted.visitor.scope, key.into_inner(), hours.unwrap_or(OVERLAP)).await?;
    let typed = Typed::default().with("days", "90");
    show_keys(&request, &posted.visitor, &app, Some(made), &typed, &Errors::default()).await
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
        let prefixes: BTreeMap<_, _> = keys.iter().map(|key| (key.id, key.prefix.clone())).collect();
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
                        {keys.into_iter().map(|key| key_row(key, &prefixes, now)).collect_view()}
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
                                let label = super::words::capitalised(&permission.name().replace('_', " "));
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

fn key_row(key: KeyShown, prefixes: &BTreeMap<ApiKeyId, String>, now: DateTime<Utc>) -> AnyView {
    let (tone, word) = if key.revoked_at.is_some() {
        (Tone::Quiet, "Revoked")
    } else if key.expires_at.is_some_and(|until| until <= now) {
        (Tone::Quiet, "Over")
    } else {
        (Tone::Good, "Works")
    };
    let works = tone == Tone::Good;
    let successor = key.replaced_by.and_then(|id| prefixes.get(&id).cloned());
    let rotates = works && key.replaced_by.is_none();
    let (field, rotated) = (format!("overlap-{}", key.id), key.name.clone());
    let may = key.scopes.iter().map(|scope| scope.name().replace('_', " ")).collect::<Vec<_>>().join(", ");
    let name = key.name.clone();
    view! {
        <tr class=ROW>
            <td class=TD><span class="font-medium">{key.name}</span></td>
            <td class=TD>
                <code>{key.prefix}</code>
                {successor.map(|prefix| view! { <span class="block text-meta text-muted">"replaced by " <code>{prefix}</code></span> })}
            </td>
            <td class=TD>{may}</td>
            <td class=TD>
                <Status tone=tone word=word/>
                {key.expires_at.filter(|_| works).map(|until| view! { <span class="block text-meta text-muted">"ends " <When at=until/></span> })}
            </td>
            <td class=TD><Until at=key.last_used_at/></td>
            <td class=TD><When at=key.created_at/></td>
            <td class=TD>
                {rotates.then(|| view! {
                    <details>
                        <summary class="min-h-6 cursor-pointer underline decoration-dotted">
                            "Rotate" <span class="sr-only">{format!(" {rotated}")}</span>
                        </summary>
                        <Form action=format!("/settings/keys/{}/rotate", key.id) class="mt-2 mb-3 flex max-w-64 flex-col gap-2">
                            <label class="text-meta text-muted" for=field.clone()>"A new key is made. This one goes on for"</label>
                            <div class="flex flex-wrap gap-2">
                                <select id=field name="overlap_hours" class="min-h-8 rounded-sm border border-line bg-raised px-2 text-small">
                                    {OVERLAPS
                                        .map(|(hours, words)| view! { <option value=hours selected=hours == "24">{words}</option> })
                                        .collect_view()}
                                </select>
                                <Button label="Rotate" describes=rotated/>
                            </div>
                        </Form>
                    </details>
                })}
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
