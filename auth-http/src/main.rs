//! The program `auth-http`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    auth_http::program::main()
}
