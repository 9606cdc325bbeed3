//! Prints the `OpenAPI` document of the service: `cargo run -p bigkeys-server --example openapi`.

#![allow(clippy::print_stdout, reason = "a program that prints")]

fn main() {
    println!("{}", bigkeys_server::openapi());
}
