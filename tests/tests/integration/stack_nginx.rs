//! docs/reverse-proxy/nginx.conf in a real nginx: who gets to the application behind it, and what it is told.

use auth_tests::{HttpAnswer, PASSWORD, container, request, start};

const CONFIGURATION: &str = include_str!("../../../docs/reverse-proxy/nginx.conf");
const WITH_PAGES: &str = include_str!("../../../docs/reverse-proxy/nginx-pages.conf");
const ADA: &str = "ada@example.org";

/// Returns the whole configuration of nginx: one of the documentation, and an application that says what it was told.
fn configuration(documented: &str, proxy: u16, accounts: &str, application: u16) -> String {
    let documented = documented
        .replace("127.0.0.1:8080", &format!("127.0.0.1:{proxy}"))
        .replace("127.0.0.1:8000", accounts)
        .replace("127.0.0.1:3000", &format!("127.0.0.1:{application}"));
    format!(
        r#"pid /tmp/nginx.pid;
        events {{}}
        http {{
            access_log off;
            {documented}
            server {{
                listen 127.0.0.1:{application};
                location / {{
                    default_type text/plain;
                    return 200 "id=$http_x_auth_account_id email=$http_x_auth_email token=$http_authorization$http_cookie\n";
                }}
            }}
        }}"#
    )
}

#[test]
fn nginx_lets_in_keeps_out_and_passes_no_forged_header() {
    let server = start(&[]);
    let token = server.entered(ADA, PASSWORD);
    let id = server.session(&token).json()["account"]["id"].as_str().unwrap().to_owned();
    let (proxy, application) = (container::free_port(), container::free_port());
    let _nginx =
        container::nginx(&configuration(CONFIGURATION, proxy, server.authority(), application), proxy);
    let authority = format!("127.0.0.1:{proxy}");
    let ask = |method: &str, headers: &[(&str, &str)], body: &[u8]| -> HttpAnswer {
        request(&authority, method, "/any/page?x=1", headers, body)
    };
    let authorization = format!("Bearer {token}");
    let own = ("Authorization", authorization.as_str());
    let forged = [("X-Auth-Account-Id", "forged"), ("X-Auth-Email", "forged@example.org")];

    let known = format!("id={id} email={ADA} token=\n");
    for (method, headers) in [
        ("GET", vec![own]),
        ("GET", [&[own][..], &forged].concat()),
        // An image asks for no JSON.
        ("GET", vec![own, ("Accept", "image/avif")]),
        ("POST", [&[own][..], &forged].concat()),
        ("DELETE", vec![own]),
    ] {
        let answer = ask(method, &headers, if method == "POST" { b"{}" } else { b"" });
        assert_eq!((answer.status, answer.body.as_str()), (200, known.as_str()), "{method} {headers:?}");
    }
    for headers in [&[][..], &forged, &[("Authorization", "Bearer auths_forged")]] {
        let answer = ask("GET", headers, b"");
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(!answer.body.contains("id="), "{answer:?}");
    }
    // The service itself is there for everybody, through the same proxy.
    let session = request(&authority, "GET", "/v1/session", &[own], b"");
    assert_eq!(session.json()["account"]["id"], id.as_str());
    assert_eq!(request(&authority, "DELETE", "/v1/session", &[own], b"").status, 204);
    assert_eq!(ask("GET", &[own], b"").status, 401, "logged out");
}

/// Threat: a proxy that lets everybody in while it cannot ask.
#[test]
fn nginx_lets_nobody_in_while_it_cannot_ask() {
    let (proxy, application, nobody) =
        (container::free_port(), container::free_port(), container::free_port());
    let accounts = format!("127.0.0.1:{nobody}");
    let _nginx = container::nginx(&configuration(CONFIGURATION, proxy, &accounts, application), proxy);
    let headers = [("Authorization", "Bearer auths_x")];
    let answer = request(&format!("127.0.0.1:{proxy}"), "GET", "/", &headers, b"");
    assert_eq!(answer.status, 500, "{answer:?}");
}

/// A visitor of the application is led to the pages, and back to where they wanted to go.
#[test]
fn nginx_leads_to_the_pages_and_they_lead_back() {
    let (proxy, application) = (container::free_port(), container::free_port());
    let authority = format!("127.0.0.1:{proxy}");
    let origin = format!("http://{authority}");
    let server = start(&[("AUTH_SESSION_COOKIE", "on"), ("AUTH_ORIGIN", &origin)]);
    let _nginx = container::nginx(&configuration(WITH_PAGES, proxy, server.authority(), application), proxy);
    let ask = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        request(&authority, method, path, headers, body.as_bytes())
    };
    let led = ask("GET", "/notes?x=1&y=2", &[("X-Auth-Email", "forged@example.org")], "");
    assert_eq!((led.status, led.header("location")), (303, Some("/account/login?next=/notes?x=1&y=2")));
    let page = ask("GET", "/account/login?next=/notes?x=1&y=2", &[], "");
    assert!(page.body.contains("value=\"&#x2f;notes?x=1&amp;y=2\""), "{page:?}");

    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", origin.as_str())];
    let credentials = format!("email=ada%40example.org&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(ask("POST", "/account/register", &form, &credentials).status, 303);
    let body = format!("{credentials}&code={}&next=%2Fnotes%3Fx%3D1%26y%3D2", server.code(ADA));
    let entered = ask("POST", "/account/activate", &form, &body);
    assert!(entered.body.contains("content=\"0;url=&#x2f;notes?x=1&amp;y=2\""), "{entered:?}");
    let cookie = entered.headers.iter().find_map(|(name, line)| {
        (name == "set-cookie" && line.starts_with("session=")).then(|| line.split(';').next().unwrap())
    });
    let cookie = ("Cookie", cookie.unwrap());
    let known = ask("GET", "/notes?x=1&y=2", &[cookie, ("X-Auth-Email", "forged@example.org")], "");
    assert_eq!(known.status, 200, "{known:?}");
    assert!(known.body.contains(&format!("email={ADA} token=\n")), "{known:?}");
    assert_eq!(ask("POST", "/account/logout", &[form[0], form[1], cookie], "").status, 303);
    assert_eq!(ask("GET", "/notes", &[cookie], "").status, 303, "logged out");
}
