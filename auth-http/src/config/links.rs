//! The variables that Kubernetes, and Docker before it, put into a container for each service of its network
//! (service links), told by name and value.
//!
//! A service named `auth`, `auth-http` or `auth-redis` has variables that begin with `AUTH_`. The names are those of
//! kubelet: the service's name in capitals with `_` for `-`, then one of the endings below.

use std::net::{IpAddr, SocketAddr};

/// Returns whether a variable that begins with `AUTH_` is a service link. Both must fit: a name alone could be
/// somebody's setting, whose value then has another form.
pub(super) fn is_link(variable: &str, value: &str) -> bool {
    // Something must stand before an ending: the service's name.
    let ends_in = |ending: &str| variable.len() > ending.len() && variable.ends_with(ending);
    let host = ends_in("_SERVICE_HOST") && is_address(value);
    let port = ends_in("_SERVICE_PORT") && is_port(value);
    let url = ends_in("_PORT") && is_url(value);
    host || port || url || is_named_port(variable, value) || is_numbered_port(variable, value)
}

/// `AUTH_SERVICE_PORT_HTTP=8000`: a port that has a name.
fn is_named_port(variable: &str, value: &str) -> bool {
    let mut names = variable.match_indices("_SERVICE_PORT_").filter(|(at, _)| *at > 0);
    names.any(|(at, found)| variable.len() > at + found.len()) && is_port(value)
}

/// `AUTH_PORT_8000_TCP=tcp://10.0.0.1:8000`, and its parts `…_TCP_PROTO`, `…_TCP_PORT` and `…_TCP_ADDR`.
fn is_numbered_port(variable: &str, value: &str) -> bool {
    let part = |name| variable.strip_suffix(name).is_some_and(is_port_and_protocol);
    (is_port_and_protocol(variable) && is_url(value))
        || (part("_PROTO") && PROTOCOLS.contains(&value))
        || (part("_PORT") && is_port(value))
        || (part("_ADDR") && is_address(value))
}

const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Returns whether a name ends in `_PORT_8000_TCP`.
fn is_port_and_protocol(name: &str) -> bool {
    let Some((rest, protocol)) = name.rsplit_once('_') else { return false };
    let Some((rest, port)) = rest.rsplit_once('_') else { return false };
    let service = rest.strip_suffix("_PORT").unwrap_or_default();
    let known = PROTOCOLS.iter().any(|known| known.to_uppercase() == protocol);
    known && is_port(port) && !service.is_empty()
}

fn is_address(value: &str) -> bool {
    value.parse::<IpAddr>().is_ok()
}

fn is_port(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit()) && value.parse::<u16>().is_ok()
}

fn is_url(value: &str) -> bool {
    value.split_once("://").is_some_and(|(protocol, socket)| {
        PROTOCOLS.contains(&protocol) && socket.parse::<SocketAddr>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::{super::KEYS, *};

    #[test]
    fn links_of_every_service_are_told() {
        for service in ["AUTH", "AUTH_HTTP", "AUTH_REDIS", "AUTH_LISTEN", "AUTH_SERVICE", "AUTH_SERVICE_NAME"]
        {
            for (ending, value) in [
                ("SERVICE_HOST", "10.96.0.7"),
                ("SERVICE_HOST", "fd00::7"),
                ("SERVICE_PORT", "8000"),
                ("SERVICE_PORT_HTTP", "8000"),
                ("SERVICE_PORT_METRICS_2", "9464"),
                ("PORT", "tcp://10.96.0.7:8000"),
                ("PORT", "udp://[fd00::7]:53"),
                ("PORT_8000_TCP", "tcp://10.96.0.7:8000"),
                ("PORT_8000_TCP_PROTO", "tcp"),
                ("PORT_8000_TCP_PORT", "8000"),
                ("PORT_8000_TCP_ADDR", "10.96.0.7"),
                ("PORT_3868_SCTP_ADDR", "fd00::7"),
            ] {
                assert!(is_link(&format!("{service}_{ending}"), value), "{service}_{ending}={value}");
            }
        }
    }

    #[test]
    fn other_names_and_other_values_are_no_links() {
        for (variable, value) in [
            ("AUTH_PORT", "8000"),
            ("AUTH_PORT", "tcp://auth:8000"),
            ("AUTH_PORT", "http://10.96.0.7:8000"),
            ("AUTH_PORT", "tcp://10.96.0.7"),
            ("AUTH_PORT", ""),
            ("AUTH_MAIL_PORT", "8026"),
            ("AUTH_REDIS_PORT", "6379"),
            ("AUTH_SERVICE_HOST", "auth.example.org"),
            ("AUTH_SERVICE_PORT", "+80"),
            ("AUTH_SERVICE_PORT", "65536"),
            ("AUTH_SERVICE_PORT_", "80"),
            ("AUTH_PORT_8000", "tcp://10.96.0.7:8000"),
            ("AUTH_PORT_http_TCP", "tcp://10.96.0.7:8000"),
            ("AUTH_PORT_8000_TCP_ADDR", "auth"),
            ("AUTH_PORT_8000_TCP_PROTO", "http"),
            ("AUTH_8000_TCP", "tcp://10.96.0.7:8000"),
            ("AUTH_LISTEN", "tcp://10.96.0.7:8000"),
            ("AUTH_HOST", "10.96.0.7"),
            ("_PORT", "tcp://10.96.0.7:8000"),
        ] {
            assert!(!is_link(variable, value), "{variable}={value}");
        }
    }

    #[test]
    fn no_key_has_the_name_of_a_link() {
        for key in KEYS {
            for value in ["10.96.0.7", "8000", "tcp", "tcp://10.96.0.7:8000"] {
                assert!(!is_link(&key.variable(), value), "{}={value}", key.variable());
            }
        }
    }
}
