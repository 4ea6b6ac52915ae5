//! Settings: the group's own issuer, the domains that it is for, and trying it out.

use super::settings::{Part, frame, tabs};
use crate::portal::{Answer, Errors, PageProblem, Posted, Typed, Visitor, origin, see_other, sentence};
use crate::ui::{
    Button, ButtonKind, Choice, ErrorCard, Fact, Facts, Field, Form, FormNotice, LinkButton, Notice, Page, Section,
    Status, StepRow, Steps, Tick, Tone, When,
};
use actix_web::{HttpRequest, HttpResponse, web};
use app::single_sign_on::{DomainShown, FIRST_ROLES, IssuerShown, SingleSignOnForm, SingleSignOnShown};
use app::{App, AppError};
use domain::permission::{Permission, Role};
use leptos::prelude::*;

const HERE: &str = "/settings/single-sign-on";

/// `GET /settings/single-sign-on`
pub async fn page(request: HttpRequest, visitor: Visitor, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let shown = app.single_sign_on().get(&visitor.scope).await?;
    let typed = typed_of(shown.issuer.as_ref());
    Ok(show(&request, &visitor, shown, &typed, Errors::default()))
}

fn typed_of(issuer: Option<&IssuerShown>) -> Typed {
    let Some(issuer) = issuer else { return Typed::default() };
    let tick = |is_on: bool| if is_on { "yes" } else { "" };
    Typed::default()
        .with("issuer", issuer.issuer.clone())
        .with("client_id", issuer.client_id.clone())
        .with("first_role", issuer.first_role.map_or("", Role::name))
        .with("checks_second_factor", tick(issuer.checks_second_factor))
        .with("required", tick(issuer.is_required))
}

/// `POST /settings/single-sign-on`
pub async fn save(request: HttpRequest, posted: Posted, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let typed = &posted.typed;
    let first_role = match typed.text("first_role") {
        "" => None,
        role => Some(role.parse().map_err(|_| PageProblem::Unreadable)?),
    };
    let form = SingleSignOnForm {
        issuer: typed.text("issuer").to_owned(),
        client_id: typed.text("client_id").to_owned(),
        client_secret: Some(typed.text("client_secret").to_owned()).filter(|text| !text.is_empty()).map(Into::into),
        first_role,
        checks_second_factor: typed.text("checks_second_factor") == "yes",
        is_required: typed.text("required") == "yes",
    };
    match app.single_sign_on().set(&posted.visitor.scope, form).await {
        Ok(()) => Ok(see_other(format!("{HERE}?done=saved"))),
        Err(error) => again(&request, &posted.visitor, &app, Some(typed), error).await,
    }
}

/// `POST /settings/single-sign-on/remove`
pub async fn remove(posted: Posted, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    app.single_sign_on().remove(&posted.visitor.scope).await?;
    Ok(see_other(format!("{HERE}?done=removed")))
}

/// `POST /settings/single-sign-on/domains`: lists one, asks its DNS (`prove`), or takes it off (`remove`).
pub async fn domains(request: HttpRequest, posted: Posted, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let (scope, typed) = (&posted.visitor.scope, &posted.typed);
    let (prove, remove) = (typed.text("prove"), typed.text("remove"));
    let (result, done) = if !prove.is_empty() {
        (app.single_sign_on().prove_domain(scope, prove, &origin(&request, &app)).await, "domain-proven")
    } else if !remove.is_empty() {
        (app.single_sign_on().remove_domain(scope, remove).await, "removed")
    } else {
        (app.single_sign_on().add_domain(scope, typed.text("domain")).await.map(|_| ()), "domain-added")
    };
    match result {
        Ok(()) => Ok(see_other(format!("{HERE}?done={done}"))),
        Err(AppError::Conflict { said, .. }) => {
            let mut errors = Errors::default();
            errors.add("domains", sentence(&said));
            let shown = app.single_sign_on().get(scope).await?;
            let typed = typed_of(shown.issuer.as_ref());
            Ok(show(&request, &posted.visitor, shown, &typed, errors))
        }
        Err(error) => again(&request, &posted.visitor, &app, None, error).await,
    }
}

async fn again(
    request: &HttpRequest,
    visitor: &Visitor,
    app: &App,
    typed: Option<&Typed>,
    error: AppError,
) -> Result<HttpResponse, PageProblem> {
    let mut errors = Errors::default();
    errors.take(error)?;
    let shown = app.single_sign_on().get(&visitor.scope).await?;
    let typed = typed.cloned().unwrap_or_else(|| typed_of(shown.issuer.as_ref()));
    Ok(show(request, visitor, shown, &typed, errors))
}

fn show(
    request: &HttpRequest,
    visitor: &Visitor,
    shown: SingleSignOnShown,
    typed: &Typed,
    errors: Errors,
) -> HttpResponse {
    let owner = visitor.may_at(None, Permission::ManageOwners);
    let tabs = tabs(visitor, Part::SingleSignOn);
    let SingleSignOnShown { issuer, domains, redirect_url } = shown;
    let status = super::entry::status(&errors);
    Answer::to(request, visitor, "Single sign-on").status(status).page(|| {
        let (tone, word, text) = state(issuer.as_ref(), &domains);
        let used = issuer.as_ref().and_then(|issuer| issuer.signed_in_at);
        let exists = issuer.is_some();
        let form = issuer_form(exists, typed.clone(), errors.clone());
        let proofs = domains_part(domains.clone(), errors);
        let content = view! {
            <div class="flex flex-col gap-1">
                <p class="flex flex-wrap items-center gap-2 text-small"><Status tone=tone word=word/> {text}</p>
                {used.map(|at| view! { <p class="text-small text-muted">"Last sign-in by it: " <When at=at/></p> })}
            </div>
            {if owner {
                view! {
                    <Section title="1. Register Driveline at your issuer">
                        <p class="max-w-prose text-small text-muted">
                            "Okta, Microsoft Entra, Google Workspace, Ping, Keycloak: any OpenID Connect issuer works. Make a web application there, by authorization code, with the scopes openid, email and profile, and with this redirect address:"
                        </p>
                        <Copied id="redirect-url" text=redirect_url/>
                    </Section>
                    <Section title="2. Tell Driveline about it">{form}</Section>
                    <Section title="3. Prove your domains">{proofs}</Section>
                    {exists.then(|| view! {
                        <Section title="Remove it">
                            <p class="max-w-prose text-small text-muted">"Whoever signed in by it is signed out, you too if you did. People keep their roles and sign in with a password again."</p>
                            <Form action=format!("{HERE}/remove") class="contents">
                                <div><Button label="Remove" kind=ButtonKind::Danger describes="single sign-on"/></div>
                            </Form>
                        </Section>
                    })}
                }
                .into_any()
            } else {
                read_only(issuer, &domains)
            }}
        }
        .into_any();
        frame(tabs, content)
    })
}

/// One line on how it stands, and what comes next.
fn state(issuer: Option<&IssuerShown>, domains: &[DomainShown]) -> (Tone, &'static str, &'static str) {
    let is_proven = domains.iter().any(|domain| domain.proved_at.is_some());
    match issuer {
        None => (Tone::Quiet, "Off", "People sign in with a password of their own."),
        Some(_) if !is_proven => {
            (Tone::Warn, "Not yet in use", "Prove a domain, and people with an address there are led to your issuer.")
        }
        Some(issuer) if issuer.signed_in_at.is_none() => {
            (Tone::Warn, "Not yet used", "Sign out and sign in by it once, to see that it works.")
        }
        Some(issuer) if issuer.is_required => {
            (Tone::Good, "Required", "People of the proven domains sign in at your issuer only.")
        }
        Some(_) => (Tone::Good, "On", "People of the proven domains may sign in at your issuer."),
    }
}

/// Text that people copy: one click selects it whole.
#[component]
fn Copied(#[prop(into)] id: String, #[prop(into)] text: String) -> impl IntoView {
    view! { <code id=id class="block max-w-prose select-all break-all rounded-sm bg-sunken px-3 py-2 text-small">{text}</code> }
}

fn issuer_form(exists: bool, typed: Typed, errors: Errors) -> AnyView {
    let mut roles = vec![(String::new(), "Stay outside until added under Team".to_owned())];
    roles.extend(FIRST_ROLES.map(|role| {
        let words = match role {
            Role::Viewer => "Become viewers",
            Role::Reviewer => "Become reviewers",
            Role::RooftopManager | Role::GroupAdmin | Role::Owner => "Get in",
        };
        (role.name().to_owned(), words.to_owned())
    }));
    let secret_help = if exists {
        "Kept, and never shown again. Type one only to replace it."
    } else {
        "Kept sealed, and never shown again."
    };
    let (checks, required) = (typed.text("checks_second_factor") == "yes", typed.text("required") == "yes");
    view! {
        <Form action=HERE class="flex max-w-form flex-col gap-4">
            <FormNotice error=errors.whole()/>
            <Field name="issuer" label="Issuer" kind="url" value=typed.text("issuer") help="Its address, as it writes it itself, to the last slash. What stands before /.well-known/openid-configuration." placeholder="https://login.example.com" error=errors.of("issuer")/>
            <Field name="client_id" label="Client id" value=typed.text("client_id") error=errors.of("client_id")/>
            <Field name="client_secret" label="Client secret" kind="password" help=secret_help required=!exists error=errors.of("client_secret")/>
            <Choice name="first_role" label="People whom nobody invited" value=typed.text("first_role") options=roles error=errors.of("first_role")/>
            <fieldset class="flex flex-col gap-1">
                <legend class="pb-1 text-small font-medium">"Rules"</legend>
                <Tick name="checks_second_factor" value="yes" label="The issuer asks for a second factor, so Driveline does not" checked=checks/>
                <Tick name="required" value="yes" label="People of the proven domains must sign in by it" checked=required/>
                <p class="text-small text-muted">"An owner still comes in by password and two-step sign-in, should the issuer fail. API keys go on working."</p>
                {errors.of("required").map(|error| view! { <p role="alert" class="text-small text-bad">{error}</p> })}
            </fieldset>
            <div><Button label="Save" kind=ButtonKind::Primary/></div>
        </Form>
        {exists.then(|| view! {
            <Form action=format!("{HERE}/test") class="contents"><div><Button label="Test" describes="the issuer"/></div></Form>
        })}
    }
    .into_any()
}

fn domains_part(domains: Vec<DomainShown>, errors: Errors) -> AnyView {
    let rows = domains.into_iter().map(domain_row).collect_view();
    view! {
        <p class="max-w-prose text-small text-muted">
            "A domain counts once its DNS says that it is yours. Whoever manages it adds one TXT record; leave it there."
        </p>
        <FormNotice error=errors.of("domains")/>
        <ul class="flex flex-col divide-y divide-line">{rows}</ul>
        <Form action=format!("{HERE}/domains") class="flex max-w-form flex-col gap-4">
            <Field name="domain" label="Domain" placeholder="example.com" help="What stands behind the @ in your people's addresses." error=errors.of("domain")/>
            <div><Button label="Add the domain"/></div>
        </Form>
    }
    .into_any()
}

fn domain_row(domain: DomainShown) -> AnyView {
    let (name, of_prove, of_remove) = (domain.domain.clone(), domain.domain.clone(), domain.domain.clone());
    let proven = domain.proved_at;
    view! {
        <li class="flex flex-col gap-2 py-3">
            <div class="flex flex-wrap items-center gap-x-3 gap-y-1">
                <h3 class="text-ui font-medium">{domain.domain}</h3>
                {match proven {
                    Some(at) => view! { <Status tone=Tone::Good word="Proven"/> <span class="text-meta text-muted"><When at=at/></span> }.into_any(),
                    None => view! { <Status tone=Tone::Warn word="Not proven yet"/> }.into_any(),
                }}
            </div>
            {proven.is_none().then(|| view! {
                <dl class="flex max-w-prose flex-col gap-1">
                    <dt class="text-meta text-muted">"TXT record under the name"</dt>
                    <dd><Copied id=format!("name-{name}") text=domain.record_name/></dd>
                    <dt class="text-meta text-muted">"with the value"</dt>
                    <dd><Copied id=format!("value-{name}") text=domain.record_value/></dd>
                </dl>
            })}
            <Form action=format!("{HERE}/domains") class="flex flex-wrap gap-2">
                {proven.is_none().then(|| view! { <Button name="prove" value=of_prove.clone() label="Check the DNS" describes=of_prove/> })}
                <Button name="remove" value=of_remove.clone() label="Remove" kind=ButtonKind::Danger describes=of_remove/>
            </Form>
        </li>
    }
    .into_any()
}

fn read_only(issuer: Option<IssuerShown>, domains: &[DomainShown]) -> AnyView {
    let names = domains.iter().filter(|domain| domain.proved_at.is_some()).map(|domain| domain.domain.clone());
    let names = names.collect::<Vec<_>>().join(", ");
    view! {
        {issuer.map(|issuer| view! {
            <Facts>
                <Fact term="Issuer">{issuer.issuer}</Fact>
                <Fact term="Domains">{if names.is_empty() { "None yet".to_owned() } else { names }}</Fact>
                <Fact term="People whom nobody invited">{issuer.first_role.map_or("Stay outside".to_owned(), |role| super::words::capitalised(role.name()))}</Fact>
                <Fact term="Second factor">{if issuer.checks_second_factor { "Asked for by the issuer" } else { "Asked for by Driveline" }}</Fact>
            </Facts>
        })}
        <p class="text-small text-muted">"An owner of the group changes this."</p>
    }
    .into_any()
}

/// `POST /settings/single-sign-on/test`
pub async fn test(request: HttpRequest, posted: Posted, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let tried = app.single_sign_on().try_out(&posted.visitor.scope).await?;
    let good = tried.is_good;
    let steps: Vec<StepRow> = tried
        .steps
        .into_iter()
        .map(|step| StepRow::of_test(step.name.to_owned(), step.went_well, &step.said, &step.fix))
        .collect();
    Ok(Answer::to(&request, &posted.visitor, "Test of single sign-on").page(|| {
        view! {
            <Page title="Test of single sign-on" up=Some((HERE.to_owned(), "Single sign-on".to_owned()))>
                {if good {
                    view! { <Notice text="Every step went well. Sign out and sign in by it once; what only a person can try is left."/> }.into_any()
                } else {
                    view! { <ErrorCard title="It does not work yet" text="The first failed step says what to do. What you typed is saved."/> }.into_any()
                }}
                <div class="max-w-prose"><Steps steps=steps/></div>
                <div class="flex flex-wrap gap-2">
                    <LinkButton href=HERE label="Back to the settings" kind=ButtonKind::Primary/>
                    <Form action=format!("{HERE}/test") class="contents"><Button label="Test again"/></Form>
                </div>
            </Page>
        }
        .into_any()
    }))
}
