//! Sets the file name of the shared library, so that programs linked by its path find it elsewhere, too.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libauth_core.so");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
