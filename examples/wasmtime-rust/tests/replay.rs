//! Replays every script of auth-core/scripts through the component, without generated types: values are made from the
//! scripts' JSON by the types that the component itself declares.

use std::{env, fs, path::PathBuf};

use serde_json::Value as Json;
use wasmtime::{
    Engine, Store,
    component::{Component, Func, Instance, Linker, ResourceAny, Type, Val},
};

struct Host {
    store: Store<()>,
    instance: Instance,
}

impl Host {
    fn open() -> Self {
        let component = env::var("AUTH_COMPONENT")
            .unwrap_or_else(|_| panic!("AUTH_COMPONENT must name what `cargo xtask component` has built"));
        let engine = Engine::default();
        let component = Component::from_file(&engine, component).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
        Self { store, instance }
    }

    fn func(&mut self, name: &str) -> Func {
        let flows = self.instance.get_export_index(&mut self.store, None, "auth-core:machine/flows@0.5.0");
        let func = self.instance.get_export_index(&mut self.store, flows.as_ref(), name);
        self.instance.get_func(&mut self.store, func.unwrap_or_else(|| panic!("{name} is missing"))).unwrap()
    }

    /// Returns the type of a function's argument.
    fn argument(&mut self, name: &str, place: usize) -> Type {
        let func = self.func(name);
        func.ty(&self.store).params().nth(place).unwrap().1
    }

    fn call(&mut self, name: &str, arguments: &[Val]) -> Val {
        let func = self.func(name);
        let results = func.ty(&self.store).results().len();
        let mut result = vec![Val::Bool(false); results];
        func.call(&mut self.store, arguments, &mut result).unwrap();
        result.pop().unwrap()
    }

    fn on(&mut self, name: &str, flow: ResourceAny, more: &[Val]) -> Val {
        self.call(name, &[&[Val::Resource(flow)], more].concat())
    }
}

/// Makes a value of a type from JSON.
fn value(json: &Json, ty: &Type) -> Val {
    match ty {
        Type::Bool => Val::Bool(json.as_bool().unwrap()),
        Type::U8 => Val::U8(json.as_u64().unwrap().try_into().unwrap()),
        Type::U16 => Val::U16(json.as_u64().unwrap().try_into().unwrap()),
        Type::U32 => Val::U32(json.as_u64().unwrap().try_into().unwrap()),
        Type::U64 => Val::U64(json.as_u64().unwrap()),
        Type::String => Val::String(json.as_str().unwrap().to_owned()),
        Type::Enum(_) => Val::Enum(kebab(json.as_str().unwrap())),
        Type::Option(some) => Val::Option((!json.is_null()).then(|| Box::new(value(json, &some.ty())))),
        Type::List(list) if list.ty() == Type::U8 => bytes(json.as_str().unwrap()),
        Type::List(list) => {
            Val::List(json.as_array().unwrap().iter().map(|item| value(item, &list.ty())).collect())
        }
        Type::Tuple(tuple) => Val::Tuple(
            json.as_array().unwrap().iter().zip(tuple.types()).map(|(j, t)| value(j, &t)).collect(),
        ),
        Type::Record(record) => Val::Record(
            record
                .fields()
                .map(|field| (field.name.to_owned(), value(&json[snake(field.name)], &field.ty)))
                .collect(),
        ),
        Type::Result(result) => {
            let some = |json: &Json, ty: Option<Type>| ty.map(|ty| Box::new(value(json, &ty)));
            Val::Result(match json.get("Ok") {
                Some(ok) => Ok(some(ok, result.ok())),
                None => Err(some(&json["Err"], result.err())),
            })
        }
        Type::Variant(variant) => {
            let (name, payload) = match json {
                Json::Object(map) => map.iter().next().map(|(name, json)| (name.as_str(), json)).unwrap(),
                name => (name.as_str().unwrap(), &Json::Null),
            };
            let case = variant.cases().find(|case| case.name == kebab(name));
            let case = case.unwrap_or_else(|| panic!("the type has no case {name}"));
            Val::Variant(case.name.to_owned(), case.ty.map(|ty| Box::new(value(payload, &ty))))
        }
        other => panic!("no script has a {other:?}"),
    }
}

/// In scripts an outcome stands below its flow, and the worker's is an event alone.
fn outcome_of(ended: &Json) -> Json {
    let Some((flow, came)) = ended["Ok"].as_object().and_then(|ended| ended.iter().next()) else {
        return ended.clone();
    };
    let event = if came.is_string() { came } else { &came["event"] };
    let disclosed = match &came["disclosed"] {
        Json::Null => Json::from(flow.as_str()),
        disclosed => serde_json::json!({ flow: disclosed }),
    };
    serde_json::json!({ "Ok": { "disclosed": disclosed, "event": event } })
}

/// Answers are results in scripts, and a fault is a case in the WIT.
fn answer(json: &Json, ty: &Type) -> Val {
    match json.get("Ok") {
        Some(reply) => value(reply, ty),
        None => value(&serde_json::json!({ "fault": json["Err"] }), ty),
    }
}

fn bytes(text: &str) -> Val {
    let byte = |hex: &[u8]| u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap();
    let bytes: Vec<u8> = match text.parse::<std::net::Ipv4Addr>() {
        Ok(client) => client.octets().into(),
        Err(_) => text.as_bytes().chunks(2).map(byte).collect(),
    };
    Val::List(bytes.into_iter().map(Val::U8).collect())
}

fn kebab(name: &str) -> String {
    name.replace('_', "-")
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

fn resource(result: Val) -> ResourceAny {
    match result {
        Val::Result(Ok(Some(resource))) => match *resource {
            Val::Resource(resource) => resource,
            other => panic!("{other:?} is not a resource"),
        },
        other => panic!("the call was refused: {other:?}"),
    }
}

fn replay(host: &mut Host, script: &Json) {
    let policy = value(&script["policy"], &host.argument("[static]rules.create", 0));
    let floor = Val::Variant("owasp".to_owned(), None);
    let keys = value(&script["code_keys"], &host.argument("[static]rules.create", 2));
    let rules = resource(host.call("[static]rules.create", &[policy, floor, keys]));
    let input = value(&script["input"], &host.argument("[static]flow.start", 1));
    let mut flow = resource(host.call("[static]flow.start", &[Val::Resource(rules), input]));
    let answers = host.argument("[method]flow.answer", 2);
    let effects = match host.func("[method]flow.take").ty(&host.store).results().next() {
        Some(Type::Option(ordered)) => match ordered.ty() {
            Type::Record(record) => record.fields().nth(1).unwrap().ty,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    for step in script["steps"].as_array().unwrap() {
        assert_eq!(host.on("[method]flow.outcome", flow, &[]), Val::Option(None));
        let snapshot = host.on("[method]flow.snapshot", flow, &[]);
        flow.resource_drop(&mut host.store).unwrap();
        flow = resource(host.call("[static]flow.restore", &[Val::Resource(rules), snapshot]));

        let Val::Option(Some(ordered)) = host.on("[method]flow.take", flow, &[]) else {
            panic!("none waits")
        };
        let Val::Record(fields) = *ordered else { panic!("the order is not a record") };
        let [(_, ticket), (_, effect)] = <[_; 2]>::try_from(fields).unwrap();
        assert_eq!(effect, value(&step["order"], &effects));
        assert_eq!(host.on("[method]flow.take", flow, &[]), Val::Option(None), "an order is taken once");

        let answer = [ticket, answer(&step["answer"], &answers)];
        assert_eq!(host.on("[method]flow.answer", flow, &answer), Val::Result(Ok(None)));
        let before = host.on("[method]flow.snapshot", flow, &[]);
        let again = host.on("[method]flow.answer", flow, &answer);
        let refused = Val::Variant("already-answered".to_owned(), None);
        assert_eq!(again, Val::Result(Err(Some(Box::new(refused)))));
        assert_eq!(host.on("[method]flow.snapshot", flow, &[]), before, "a refused answer changes nothing");
    }
    assert_eq!(host.on("[method]flow.take", flow, &[]), Val::Option(None));
    let outcomes = match host.func("[method]flow.outcome").ty(&host.store).results().next() {
        Some(Type::Option(outcome)) => outcome.ty(),
        other => panic!("{other:?}"),
    };
    let outcome = host.on("[method]flow.outcome", flow, &[]);
    assert_eq!(outcome, Val::Option(Some(Box::new(value(&outcome_of(&script["outcome"]), &outcomes)))));
    assert_eq!(host.on("[method]flow.snapshot", flow, &[]), bytes(script["snapshot"].as_str().unwrap()));
    flow.resource_drop(&mut host.store).unwrap();
    rules.resource_drop(&mut host.store).unwrap();
}

#[test]
fn every_script_is_the_same_in_wasmtime() {
    let mut host = Host::open();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../auth-core/scripts");
    let mut replayed = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        replay(&mut host, &serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap());
        replayed += 1;
    }
    println!("{replayed} scripts replayed");
    assert!(replayed >= 100, "only {replayed} scripts");
}

/// A host's mistakes are refused with the field that is wrong.
#[test]
fn values_that_cannot_be_are_refused() {
    let mut host = Host::open();
    let policy = host.call("default-policy", &[]);
    let floor = || Val::Variant("owasp".to_owned(), None);
    let keys = |bytes: usize| Val::List(vec![Val::List(vec![Val::U8(7); bytes])]);
    let bad = host.call("[static]rules.create", &[policy.clone(), floor(), keys(31)]);
    assert!(format!("{bad:?}").contains("code-keys"), "{bad:?}");
    let weak = Val::Variant("constrained-pbkdf2".to_owned(), Some(Box::new(Val::U32(10_000))));
    let bad = host.call("[static]rules.create", &[policy.clone(), weak, keys(32)]);
    assert!(format!("{bad:?}").contains("hash"), "scrypt is another function than the floor's: {bad:?}");
    let rules = resource(host.call("[static]rules.create", &[policy, floor(), keys(32)]));
    let ty = host.argument("[static]flow.start", 1);
    for (input, field) in [
        (r#"{"resend": {"address": "ada", "client": "192.0.2.7"}}"#, "address"),
        (r#"{"resend": {"address": "ada@example.org", "client": "0102"}}"#, "client"),
        (r#"{"activate": {"address": "ada@example.org", "code": "12345x", "client": "192.0.2.7"}}"#, "code"),
    ] {
        let input = value(&serde_json::from_str(input).unwrap(), &ty);
        let bad = host.call("[static]flow.start", &[Val::Resource(rules), input]);
        assert!(format!("{bad:?}").contains(field), "{bad:?}");
    }
    let bytes = |n: u8| Val::List((0..n).map(Val::U8).collect());
    let bad = host.call("[static]flow.restore", &[Val::Resource(rules), bytes(9)]);
    assert_eq!(bad, Val::Result(Err(Some(Box::new(Val::Enum("format".to_owned()))))));
}
