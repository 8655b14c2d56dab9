//! Routes of an application's own, in the process of a node: whose request it is.

use auth_http::{http::NotSignedIn, node::Node};
use auth_tests::{PASSWORD, start_on};
use poem::Request;

use super::sqlite_file::settings;

const ADA: &str = "ada@example.org";

fn with_token(token: &str) -> Request {
    Request::builder().header("Authorization", format!("Bearer {token}")).finish()
}

#[tokio::test]
async fn a_node_knows_whose_request_it_is() {
    let mut server = start_on(None, &[]);
    let token = server.entered(ADA, PASSWORD);
    server.kill();

    let url = format!("sqlite://{}", server.folder().join("auth.db").display());
    let node = Node::start(settings(&url)).await.unwrap();
    let found = node.session(&with_token(&token)).await.unwrap();
    assert_eq!(found.account.address.given(), ADA);
    assert!(found.fresh, "the password was just given");
    assert_eq!(found.session.account, found.account.id);
    for nobodys in [Request::builder().finish(), with_token("auths_x"), with_token(&token.to_uppercase())] {
        assert_eq!(node.session(&nobodys).await.err(), Some(NotSignedIn::NoSession));
    }
    assert!(node.finish(async {}).await);
}
