//! Settings: people, their roles, and how they must sign in.

use super::settings::{Part, frame, rooftops, tabs};
use crate::portal::{Answer, Errors, PageProblem, Posted, Typed, Visitor, see_other, sentence};
use crate::ui::{
    Button, ButtonKind, Choice, Field, Form, FormNotice, LinkButton, ROW, Section, Status, TD, Table, Tone, When,
};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use app::people::{Invite, MemberShown, SignInRules};
use app::{App, AppError};
use domain::UserId;
use domain::permission::{Permission, Role};
use leptos::prelude::*;
use std::collections::BTreeMap;

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
    let rules = app.people().sign_in_rules(&visitor.scope).await?;
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
        let people: BTreeMap<_, _> = members.iter().map(|member| (member.person, member.has_second_factor)).collect();
        let rows = members
            .into_iter()
            .map(|member| {
                // Their own they switch off under Your sign-in; an owner's is for owners.
                let resets = member.has_second_factor
                    && member.person != visitor.session.person
                    && group
                    && (owner || member.role != Role::Owner);
                member_row(&member, &place(member.rooftop), &roles, resets)
            })
            .collect_view();
        let two_step = two_step_part(rules, &people, owner, errors.of("second_factor"));
        let content = view! {
            <Table caption="People and their roles" heads=&["Name", "E-mail", "Role", "Where", "Two-step", "Since", ""]>{rows}</Table>
            <Section title="Two-step sign-in">{two_step}</Section>
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

/// Who has it, and whether the group requires it; owners decide.
fn two_step_part(rules: SignInRules, people: &BTreeMap<UserId, bool>, owner: bool, error: Option<String>) -> AnyView {
    let required = rules.second_factor_required;
    let with = people.values().filter(|has| **has).count();
    let said = format!("{with} of {} sign in with a code besides their password.", people.len());
    let (tone, word) = if required { (Tone::Good, "Required") } else { (Tone::Quiet, "Not required") };
    view! {
        <p class="flex flex-wrap items-center gap-2 text-small"><Status tone=tone word=word/> {said}</p>
        {owner.then(|| view! {
            <Form action="/settings/team/sign-in-rules" class="flex max-w-form flex-col gap-3">
                <FormNotice error=error/>
                <p class="text-small text-muted">
                    {if required {
                        "Without the rule, people who have it keep it and may switch it off."
                    } else {
                        "With the rule, who has none sets it up with their next click, before they see anything else. API keys go on working."
                    }}
                </p>
                <div>
                    {if required {
                        view! { <Button name="second_factor" value="optional" label="Require it no more"/> }
                    } else {
                        view! { <Button name="second_factor" value="required" label="Require it of everybody"/> }
                    }}
                </div>
            </Form>
        })}
    }
    .into_any()
}

/// `POST /settings/team/sign-in-rules`
pub async fn set_sign_in_rules(
    request: HttpRequest,
    posted: Posted,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let rules = SignInRules { second_factor_required: posted.typed.text("second_factor") == "required" };
    match app.people().set_sign_in_rules(&posted.visitor.scope, rules).await {
        Ok(()) => Ok(see_other("/settings/team?done=saved")),
        Err(AppError::Conflict { said, .. }) => {
            let mut errors = Errors::default();
            errors.add("second_factor", sentence(&said));
            show_team(&request, &posted.visitor, &app, &Typed::default(), &errors).await
        }
        Err(error) => Err(error.into()),
    }
}

fn member_row(member: &MemberShown, place: &str, roles: &[(String, String)], resets: bool) -> AnyView {
    let address = format!("/settings/team/{}", member.id);
    let field = format!("role-{}", member.id);
    let (name, second_factor) = (member.name.clone(), address.clone());
    let current = member.role.name();
    let (of_role, spoken) = (format!("role of {name}"), format!("Role of {name}"));
    let (removed, lost) = (name.clone(), name.clone());
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
            <td class=TD>
                {if member.has_second_factor {
                    view! { <Status tone=Tone::Good word="On"/> }
                } else {
                    view! { <Status tone=Tone::Quiet word="Off"/> }
                }}
            </td>
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
                        {resets.then(|| view! { <LinkButton href=format!("{second_factor}/second-factor") label="Lost phone" describes=lost/> })}
                    </div>
                </details>
            </td>
        </tr>
    }
    .into_any()
}
