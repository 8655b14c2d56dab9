//! auth-core on a Cortex-M4: no operating system, a fixed heap, commands over semihosting.
//!
//!     flash
//!     replay
//!     register ada@example.org correct-horse-battery
//!     activate ada@example.org correct-horse-battery 314159

#![no_std]
#![no_main]

extern crate alloc;

mod heap;
#[cfg(feature = "host")]
mod host;
#[cfg(feature = "replay")]
mod replay;

use alloc::{string::String, vec::Vec};

// Links the vector table and the critical sections.
use cortex_m as _;
use cortex_m_rt::entry;
use semihosting::{
    io::{Read, stdin},
    println, process,
};

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    println!("{info}");
    process::exit(101)
}

#[entry]
fn main() -> ! {
    heap::init();
    #[cfg(feature = "host")]
    let mut host = host::Host::new();
    while let Some(line) = line() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            #[cfg(feature = "replay")]
            ["replay"] => {
                let replay::Replayed { scripts, most: (heap, name) } = replay::all();
                println!("{scripts} scripts replayed; a flow takes {heap} bytes of heap at most ({name})");
            }
            #[cfg(feature = "host")]
            ["register", address, password] => {
                let (heap, disclosed) = heap::most_during(|| host.register(address, password));
                println!("{disclosed:?}, {heap} bytes of heap with what is stored");
            }
            #[cfg(feature = "host")]
            ["activate", address, password, code] => {
                let (heap, disclosed) = heap::most_during(|| host.activate(address, password, code));
                println!("{disclosed:?}, {heap} bytes of heap");
            }
            ["flash"] => println!("{} bytes of flash without the scripts", flash() - scripts()),
            _ => println!("flash, replay, register ADDRESS PASSWORD, or activate ADDRESS PASSWORD CODE"),
        }
    }
    process::exit(0)
}

/// Returns how many bytes of flash this program takes: up to the end of what is copied to RAM.
fn flash() -> usize {
    // SAFETY: cortex-m-rt's linker script defines these symbols; only their addresses are used.
    unsafe extern "C" {
        static __sidata: u8;
        static __sdata: u8;
        static __edata: u8;
    }
    (&raw const __sidata).addr() + (&raw const __edata).addr() - (&raw const __sdata).addr()
}

fn scripts() -> usize {
    #[cfg(feature = "replay")]
    return replay::SCRIPTS.len();
    #[cfg(not(feature = "replay"))]
    return 0;
}

/// Reads a line, or returns `None` at the end of the input.
fn line() -> Option<String> {
    let mut stdin = stdin().ok()?;
    let mut line = Vec::new();
    let mut byte = [0];
    while stdin.read(&mut byte).is_ok_and(|read| read == 1) {
        match byte {
            [b'\n'] => return String::from_utf8(line).ok(),
            [byte] => line.push(byte),
        }
    }
    None
}
