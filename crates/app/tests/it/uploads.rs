//! Uploads: streamed in, sealed, read back from any place.

use crate::scene::by_upload;
use app::AppError;
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use testkit::TestApp;
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn a_file_comes_back_as_it_went_in_from_any_offset() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let id = by_upload(&test, &scope, None).await.id;
    // More than one batch of chunks, and not a whole number of them.
    let file: Vec<u8> = (0..5_000_003_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let mut upload = test.app.uploads().begin(&scope, id, "../exports/customers 1.csv").await.unwrap();
    for piece in file.chunks(70_001) {
        upload.push(piece).await.unwrap();
    }
    let unseen = test.app.uploads().list(&scope, id).await.unwrap();
    let done = upload.finish().await.unwrap();

    let access = test.app.engine().access.open(&scope, id).await.unwrap().unwrap();
    let listed = access.uploads.list().await.unwrap();
    assert!(unseen.is_empty(), "a file that is not complete is not read");
    assert_eq!(done.name, "customers_1.csv");
    assert_eq!((listed.len(), listed[0].size_bytes), (1, 5_000_003));
    for offset in [0, 1, 262_143, 262_144, 4_999_999, 5_000_003] {
        let mut read = Vec::new();
        access.uploads.open(&done.name, offset).await.unwrap().read_to_end(&mut read).await.unwrap();
        assert!(read == file[usize::try_from(offset).unwrap()..], "from {offset}");
    }
}

#[tokio::test]
async fn an_uploaded_file_is_stored_sealed() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let id = by_upload(&test, &scope, None).await.id;
    let mut upload = test.app.uploads().begin(&scope, id, "customers.csv").await.unwrap();
    upload.push(b"name\nUnmistakable\n").await.unwrap();
    upload.finish().await.unwrap();

    let owner = test.test.owner().await;
    let sql =
        "SELECT count(*) AS many, bool_or(position('Unmistakable'::bytea IN sealed) > 0) AS clear FROM upload_chunk";
    let row = owner.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, sql)).await.unwrap().unwrap();

    assert_eq!(row.try_get::<i64>("", "many").unwrap(), 1);
    assert!(!row.try_get::<bool>("", "clear").unwrap());
}

#[tokio::test]
async fn an_empty_file_is_refused_and_the_same_name_twice_is_two_files() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let id = by_upload(&test, &scope, None).await.id;
    let empty = test.app.uploads().begin(&scope, id, "customers.csv").await.unwrap().finish().await;
    for content in [b"a\n", b"b\n"] {
        let mut upload = test.app.uploads().begin(&scope, id, "customers.csv").await.unwrap();
        upload.push(content).await.unwrap();
        upload.finish().await.unwrap();
    }

    assert!(matches!(empty, Err(AppError::Invalid(_))));
    let names: Vec<String> =
        test.app.uploads().list(&scope, id).await.unwrap().into_iter().map(|file| file.name).collect();
    assert_eq!(names[0], "customers.csv");
    assert!(names[1].starts_with("customers-") && names[1].ends_with(".csv"), "{names:?}");
}
