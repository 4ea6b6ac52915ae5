//! The OpenAPI document: committed, served, and shown on a page of our own.

use crate::rig::{Answer, Rig};

#[test]
fn the_committed_document_is_the_one_that_the_routes_make() {
    let committed = include_str!("../../openapi.json");
    assert!(
        committed == server::openapi::json(),
        "server/openapi.json is not up to date: cargo run -p server -- openapi > server/openapi.json"
    );
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_what_it_does() {
    let mut names = std::collections::BTreeSet::new();
    for (path, _, operation) in server::openapi::operations(server::openapi::document()) {
        let name = operation.operation_id.clone().unwrap();
        assert!(names.insert(name.clone()), "{name} twice");
        assert!(operation.summary.as_ref().is_some_and(|summary| !summary.is_empty()), "{path}");
    }
}

#[actix_web::test]
async fn the_reference_shows_every_route_without_asking_another_host() {
    let rig = Rig::start().await;

    let page = Answer::of(rig.http.get(format!("{}/api/reference", rig.base)).send().await.unwrap()).await;

    assert_eq!(page.status, 200);
    assert!(!page.text.contains("//cdn") && !page.text.contains("<script"), "another host or a script");
    for address in server::openapi::addresses() {
        assert!(page.text.contains(&address.path), "{}", address.path);
    }
    let style = rig.http.get(format!("{}/api/reference.css", rig.base)).send().await.unwrap();
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
}
