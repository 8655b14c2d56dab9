//! The command line: commands, their arguments, and a flag for every configuration key.

use std::{collections::BTreeSet, path::PathBuf, process::ExitCode};

use auth_core::{AccountId, Action, Address, MailId};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command as Clap};

use super::account::Who;
use crate::{
    config::{ConfigError, KEYS, Layers, environment},
    port::Which,
};

/// A parsed command line.
pub(super) struct Parsed {
    pub(super) command: ProgramCommand,
    pub(super) print_config: bool,
    config: Option<PathBuf>,
    flags: Vec<(String, String)>,
}

/// The commands.
pub(super) enum ProgramCommand {
    Serve,
    Migrate,
    Check { mail_to: Option<String> },
    OpenApi,
    Configuration,
    Account(AccountCommand),
    Mail(MailCommand),
    Purge,
    Healthcheck { url: Option<String> },
}

pub(super) enum AccountCommand {
    Show { who: Who, json: bool },
    List { json: bool },
    Act { who: Who, action: Action, json: bool, yes: bool },
    LogoutAll { json: bool },
    Import { file: PathBuf, dry_run: bool, json: bool },
}

pub(super) enum MailCommand {
    List { json: bool },
    Retry(Which),
    Drop(Which),
}

impl Parsed {
    /// Collects the configuration.
    pub(super) fn layers(&self) -> Result<Layers, ConfigError> {
        Layers::collect(self.config.as_deref(), environment()?.into_iter(), self.flags.clone())
    }
}

/// Parses the command line; help and mistakes are printed, with the exit status to return.
pub(super) fn parse() -> Result<Parsed, ExitCode> {
    let matches = clap().try_get_matches().map_err(|error| {
        // Nothing is left to do where the terminal is closed.
        let _ = error.print();
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })?;
    let (command, arguments) = match matches.subcommand() {
        Some((name, arguments)) => (command(name, arguments), arguments),
        None => (ProgramCommand::Serve, &matches),
    };
    Ok(Parsed {
        command,
        print_config: arguments.get_flag("print-config"),
        config: arguments.get_one::<PathBuf>("config").cloned(),
        flags: flags(arguments),
    })
}

fn command(name: &str, arguments: &ArgMatches) -> ProgramCommand {
    let text = |id: &str| arguments.get_one::<String>(id).cloned();
    match (name, arguments.subcommand()) {
        ("migrate", _) => ProgramCommand::Migrate,
        ("check", _) => ProgramCommand::Check { mail_to: text("mail-to") },
        ("openapi", _) => ProgramCommand::OpenApi,
        ("configuration", _) => ProgramCommand::Configuration,
        ("purge", _) => ProgramCommand::Purge,
        ("healthcheck", _) => ProgramCommand::Healthcheck { url: text("url") },
        ("account", Some((name, account))) => {
            account_command(name, account).map_or(ProgramCommand::Serve, ProgramCommand::Account)
        }
        ("mail", Some(("list", list))) => {
            ProgramCommand::Mail(MailCommand::List { json: list.get_flag("json") })
        }
        ("mail", Some(("retry", retry))) => ProgramCommand::Mail(MailCommand::Retry(which(retry))),
        ("mail", Some(("drop", drop))) => ProgramCommand::Mail(MailCommand::Drop(which(drop))),
        _ => ProgramCommand::Serve,
    }
}

/// `None` for a command that clap does not know.
fn account_command(name: &str, arguments: &ArgMatches) -> Option<AccountCommand> {
    let flag = |id: &str| arguments.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or_default();
    let json = flag("json");
    if name == "list" {
        return Some(AccountCommand::List { json });
    }
    if name == "import" {
        let file = arguments.get_one::<PathBuf>("file").cloned()?;
        return Some(AccountCommand::Import { file, dry_run: flag("dry-run"), json });
    }
    if flag("all") {
        return Some(AccountCommand::LogoutAll { json });
    }
    let who = arguments.get_one::<Who>("who").cloned()?;
    if name == "show" {
        return Some(AccountCommand::Show { who, json });
    }
    let (_, action, _) = ACTIONS.iter().find(|(command, ..)| *command == name)?;
    Some(AccountCommand::Act { who, action: *action, json, yes: flag("yes") })
}

/// The commands that do something with an account.
const ACTIONS: [(&str, Action, &str); 5] = [
    ("block", Action::Block, "Blocks it: nothing authenticates as it, and every session is over"),
    ("unblock", Action::Unblock, "Lets it authenticate again"),
    ("logout", Action::Logout, "Ends every session of it, or of all accounts"),
    ("reset", Action::Reset, "Sends its owner a mail that sets a new password"),
    ("delete", Action::Delete, "Deletes it, or a registration that waits; asks unless --yes"),
];

fn which(arguments: &ArgMatches) -> Which {
    if arguments.get_flag("all") {
        return Which::All;
    }
    // An id that stands there twice is one mail.
    let ids: BTreeSet<MailId> = arguments.get_many("ids").into_iter().flatten().copied().collect();
    Which::Ids(ids.into_iter().collect())
}

fn flags(arguments: &ArgMatches) -> Vec<(String, String)> {
    flag_names()
        .filter_map(|flag| arguments.get_one::<String>(&flag).map(|value| (flag.clone(), value.clone())))
        .collect()
}

/// Returns the flag of every key, and those that name a file with a secret.
fn flag_names() -> impl Iterator<Item = String> {
    KEYS.iter()
        .flat_map(|key| [Some(key.flag()), key.secret.then(|| format!("{}-file", key.flag()))])
        .flatten()
}

fn clap() -> Clap {
    let mut clap = Clap::new("auth-http")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Accounts over HTTP: registration, activation, logins and sessions")
        .subcommand(Clap::new("serve").about("Serves; the default command"))
        .subcommand(Clap::new("migrate").about("Brings the database's schema up to date"))
        .subcommand(
            Clap::new("check").about("Tries every part and prints what it finds").arg(
                Arg::new("mail-to").long("mail-to").value_name("ADDRESS").help("Also sends a test mail"),
            ),
        )
        .subcommand(Clap::new("openapi").about("Prints the OpenAPI document"))
        .subcommand(
            Clap::new("configuration").about("Prints the reference of all settings, in Markdown").hide(true),
        )
        .subcommand(account())
        .subcommand(
            Clap::new("mail")
                .about("Shows and mends the outbox")
                .subcommand_required(true)
                .subcommand(Clap::new("list").about("Lists the mails").arg(json()))
                .subcommand(chosen(Clap::new("retry").about("Makes mails due at once, with fresh attempts")))
                .subcommand(chosen(Clap::new("drop").about("Removes mails"))),
        )
        .subcommand(Clap::new("purge").about("Deletes expired pending accounts and prints how many"))
        .subcommand(
            Clap::new("healthcheck")
                .about("Asks /readyz of a running server")
                .arg(Arg::new("url").long("url").value_name("URL").help("Where, if not at AUTH_LISTEN")),
        )
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .global(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("A TOML file [auth.toml, if there is one]"),
        )
        .arg(
            Arg::new("print-config")
                .long("print-config")
                .global(true)
                .action(ArgAction::SetTrue)
                .help("Prints the configuration and where each value comes from, and ends"),
        );
    for key in KEYS {
        let default = key.default.map(|default| format!(" [{default}]")).unwrap_or_default();
        let help = format!("{}{default} (also {})", key.meaning, key.variable());
        clap = clap.arg(flag(key.flag()).help(help));
        if key.secret {
            let help = format!("A file with the value of --{} (also {}_FILE)", key.flag(), key.variable());
            clap = clap.arg(flag(format!("{}-file", key.flag())).help(help));
        }
    }
    clap
}

fn account() -> Clap {
    let who = || {
        let who = Arg::new("who").value_name("ADDRESS|ID").required(true).value_parser(who);
        who.help("Its e-mail address, or its id")
    };
    let clap = Clap::new("account")
        .about("Shows accounts and changes them")
        .subcommand_required(true)
        .subcommand(Clap::new("show").about("Shows all that is known of one").arg(who()).arg(json()))
        .subcommand(
            Clap::new("list").about("Lists all, a line each; with --json an object a line").arg(json()),
        );
    let import = Clap::new("import")
        .about("Imports accounts of another program: a JSON object a line, with email, password_hash, verified, since, language")
        .arg(
            Arg::new("file")
                .value_name("FILE|-")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("The file, or - for standard input"),
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Says what would happen, and changes nothing"),
        )
        .arg(json());
    ACTIONS.iter().fold(clap.subcommand(import), |clap, (name, action, about)| {
        let (command, switch) = (Clap::new(*name).about(*about), |id: &'static str| {
            Arg::new(id).long(id).action(ArgAction::SetTrue)
        });
        clap.subcommand(match action {
            Action::Logout => command
                .arg(who().required(false))
                .arg(switch("all").help("Every account; do this after each restore of a backup"))
                .arg(json())
                .group(ArgGroup::new("whom").args(["who", "all"]).required(true)),
            Action::Delete => command.arg(who()).arg(json()).arg(switch("yes").help("Does not ask")),
            Action::Block | Action::Unblock | Action::Reset => command.arg(who()).arg(json()),
        })
    })
}

fn json() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("As JSON, for programs")
}

/// Reads whom a command is about.
fn who(text: &str) -> Result<Who, String> {
    if text.contains('@') {
        return Address::parse(text).map(Who::Address).map_err(|error| error.message().to_owned());
    }
    let hyphens =
        text.len() == 36 && text.char_indices().all(|(n, c)| (c == '-') == matches!(n, 8 | 13 | 18 | 23));
    match u128::from_str_radix(&text.replace('-', ""), 16) {
        Ok(number) if hyphens && !text.contains('+') => {
            Ok(Who::Id(AccountId::from_bytes(number.to_be_bytes())))
        }
        Ok(_) | Err(_) => {
            Err("an e-mail address has an @, an id is a UUID; `account list` shows both".to_owned())
        }
    }
}

fn flag(name: String) -> Arg {
    Arg::new(name.clone()).long(name).value_name("VALUE").global(true).help_heading("Configuration")
}

fn chosen(clap: Clap) -> Clap {
    clap.arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help("Every mail"))
        .arg(Arg::new("ids").value_name("ID").num_args(1..).value_parser(mail_id).help("These mails"))
        .group(ArgGroup::new("which").args(["all", "ids"]).required(true))
}

fn mail_id(text: &str) -> Result<MailId, String> {
    let hexadecimal = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match u128::from_str_radix(text, 16) {
        Ok(number) if hexadecimal => Ok(MailId::from_bytes(number.to_be_bytes())),
        Ok(_) | Err(_) => Err("an id has 32 hexadecimal digits; `mail list` shows them".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        clap().debug_assert();
    }

    #[test]
    fn an_account_is_named_by_its_address_or_its_id() {
        let id = "162537be-8197-40a9-8930-a74bcc53cdb1";
        assert!(matches!(who("Ada@Example.org"), Ok(Who::Address(_))));
        assert!(matches!(who(id), Ok(Who::Id(read)) if read.to_string() == id));
        let short = id.replace('-', "");
        for bad in ["", "ada", "@", &short, &id.replace('1', "g"), &id.replace('-', "+"), &id[1..]] {
            assert!(who(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mail_ids_are_read_strictly() {
        assert!(mail_id(&"0a".repeat(16)).is_ok());
        for bad in ["", "0a", &"0a".repeat(17), &"zz".repeat(16), &"+a".repeat(16)] {
            assert!(mail_id(bad).is_err(), "{bad}");
        }
    }
}
