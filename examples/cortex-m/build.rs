//! Converts the scripts so that they fit into flash: the parts that a run on a microcontroller needs, one postcard
//! value after the other.

use std::{env, fs, path::PathBuf};

use auth_core::Policy;
use serde_json::Value;

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    fs::write(out.join("memory.x"), include_bytes!("memory.x")).unwrap();
    println!("cargo:rustc-link-search={}", out.display());

    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../auth-core/scripts");
    println!("cargo:rerun-if-changed={}", folder.display());
    println!("cargo:rerun-if-changed=memory.x");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();

    let mut bytes = Vec::new();
    for file in files {
        let script: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let policy: Policy = serde_json::from_value(script["policy"].clone()).unwrap();
        let name = file.file_stem().unwrap().to_str().unwrap();
        let steps = script["steps"].as_array().unwrap();
        add(&mut bytes, &name);
        add(&mut bytes, &policy);
        add(&mut bytes, &hex(&script["code_keys"][0]));
        add(&mut bytes, &hex(&script["code_keys"][1]));
        add(&mut bytes, &hex(&script["input_wire"]));
        add(&mut bytes, &u32::try_from(steps.len()).unwrap());
        for step in steps {
            add(&mut bytes, &hex(&step["order_wire"]));
            add(&mut bytes, &hex(&step["answer_wire"]));
        }
        add(&mut bytes, &hex(&script["outcome_wire"]));
        add(&mut bytes, &hex(&script["snapshot"]));
    }
    fs::write(out.join("scripts.bin"), bytes).unwrap();
}

fn add(bytes: &mut Vec<u8>, value: &impl serde::Serialize) {
    bytes.extend(postcard::to_allocvec(value).unwrap());
}

fn hex(text: &Value) -> Vec<u8> {
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
    text.as_str().unwrap().as_bytes().chunks(2).map(byte).collect()
}
