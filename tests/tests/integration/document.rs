//! The OpenAPI document: the parts that front ends and generated clients rely on.

use auth_tests::start;
use serde_json::Value;

fn document() -> Value {
    start(&[]).get("/openapi.json").json()
}

fn schema<'a>(document: &'a Value, name: &str) -> &'a Value {
    &document["components"]["schemas"][name]
}

fn name(reference: &Value) -> &str {
    reference["$ref"].as_str().unwrap().rsplit('/').next().unwrap()
}

/// Returns the schemas of the bodies that can be sent.
fn bodies(document: &Value) -> Vec<&str> {
    let mut names = Vec::new();
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            if let Some(body) = operation.get("requestBody") {
                let body = name(&body["content"]["application/json"]["schema"]);
                match schema(document, body)["oneOf"].as_array() {
                    Some(ways) => names.extend(ways.iter().map(name)),
                    None => names.push(body),
                }
            }
        }
    }
    assert!(names.len() >= 4, "{names:?}");
    names
}

#[test]
fn operations_are_grouped_by_tags_that_are_described() {
    let document = document();
    let described: Vec<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| {
            assert!(tag["description"].is_string(), "{tag}");
            tag["name"].as_str().unwrap()
        })
        .collect();
    assert!(described.len() >= 2, "{described:?}");
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            let tags = operation["tags"].as_array().unwrap();
            assert!(tags.len() == 1 && described.contains(&tags[0].as_str().unwrap()), "{operation}");
        }
    }
}

#[test]
fn server_is_rooted_so_that_generated_clients_can_use_it() {
    assert_eq!(document()["servers"][0]["url"], "/");
}

/// Threat: the document names what somebody wrote into Host, and a client sends passwords there.
#[test]
fn server_follows_no_header() {
    let server = start(&[]);
    for (name, value) in [("Host", "evil.example"), ("X-Forwarded-Host", "evil.example")] {
        let host = if name == "Host" { String::new() } else { "Host: localhost\r\n".to_owned() };
        let head =
            format!("GET /openapi.json HTTP/1.1\r\n{host}{name}: {value}\r\nConnection: close\r\n\r\n");
        let said = String::from_utf8(server.raw(head.as_bytes())).unwrap();
        assert!(said.starts_with("HTTP/1.1 200") && !said.contains("evil.example"), "{name}");
    }
}

#[test]
fn activation_shows_both_ways_to_give_credentials() {
    let document = document();
    let operation = &document["paths"]["/v1/activate"]["post"];
    let security = operation["security"].as_array().unwrap();
    assert!(security.iter().any(|one| one.get("basic").is_some()), "{security:?}");
    assert!(security.iter().any(|one| one.as_object().unwrap().is_empty()), "or nothing: {security:?}");
    let content = &operation["requestBody"]["content"]["application/json"];
    let ways: Vec<Vec<&str>> = schema(&document, name(&content["schema"]))["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|way| {
            let name = name(way);
            let required = schema(&document, name)["required"].as_array().unwrap();
            required.iter().map(|field| field.as_str().unwrap()).collect()
        })
        .collect();
    assert_eq!(ways, [vec!["email", "password", "code"], vec!["code"]]);
    let examples = content["examples"].as_object().unwrap();
    assert_eq!(examples.len(), 2, "the page lets people choose: {examples:?}");
    let challenges = operation["responses"]["401"]["headers"]["WWW-Authenticate"]["description"].as_str();
    let challenges = challenges.unwrap();
    assert!(challenges.contains("Basic realm=") && challenges.contains("Body realm="), "{challenges}");
}

#[test]
fn requests_say_what_their_fields_may_be() {
    let document = document();
    let mut fields = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let Some(properties) = schema["properties"].as_object() else { continue };
        for (field, about) in properties.iter().filter(|(_, about)| about["type"] == "string") {
            assert!(about["minLength"].is_u64() && about["maxLength"].is_u64(), "{name}.{field}: {about}");
            fields.push((name.clone(), field.clone()));
        }
    }
    for name in bodies(&document) {
        let additional = &schema(&document, name)["additionalProperties"];
        assert_eq!(*additional, false, "{name}: unknown fields are refused");
    }
    assert!(fields.len() > 10, "{fields:?}");
    let register = &schema(&document, "Register")["properties"];
    assert_eq!(register["email"]["format"], "email");
    assert_eq!(register["password"]["format"], "password");
    assert!(register["email"]["pattern"].is_string() && register["password"]["pattern"].is_string());
    for name in ["ActivateWithCode", "ActivateWithCredentials"] {
        assert!(schema(&document, name)["properties"]["code"]["pattern"].is_string(), "{name}");
    }
    let problem = &schema(&document, "Problem")["properties"];
    assert_eq!(problem["type"]["format"], "uri-reference");
    assert!(problem["request_id"]["pattern"].is_string(), "{problem}");
}
