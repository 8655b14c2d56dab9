//! The main job: register, mail, activate.

use auth_tests::start;

#[test]
fn an_account_is_registered_mailed_and_activated() {
    let server = start(&[]);
    let answer = server.register("ada@example.org", "correct horse battery staple");
    assert_eq!(answer.status, 202, "{answer:?}");
    let code = server.code("ada@example.org");
    let answer = server.activate("ada@example.org", "correct horse battery staple", &code);
    assert_eq!(answer.status, 200, "{answer:?}");
}
