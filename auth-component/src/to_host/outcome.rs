//! Outcomes.

use core::time::Duration;

use auth_core::{
    Account, Activation, Authentication, Confirmation, LoggingIn, LoggingOut, Registration, Resending,
    wire::Output,
};

use super::{micros, octets, text};
use crate::wit;

impl From<Output> for wit::Output {
    fn from(output: Output) -> Self {
        match output {
            Output::Register(outcome) => {
                let event = text(outcome.event.name());
                Self::Register(wit::Registered { disclosed: outcome.disclosed.into(), event })
            }
            Output::Activate(outcome) => {
                let event = text(outcome.event.name());
                Self::Activate(wit::Activated { disclosed: outcome.disclosed.into(), event })
            }
            Output::Resend(outcome) => {
                let event = text(outcome.event.name());
                Self::Resend(wit::Resent { disclosed: outcome.disclosed.into(), event })
            }
            Output::Deliver(event) => Self::Deliver(text(event.name())),
            Output::Login(outcome) => {
                let event = text(outcome.event.name());
                Self::Login(wit::LoggedIn { disclosed: (&outcome.disclosed).into(), event })
            }
            Output::Authenticate(outcome) => {
                let event = text(outcome.event.name());
                Self::Authenticate(wit::Authenticated { disclosed: (&outcome.disclosed).into(), event })
            }
            Output::Confirm(outcome) => {
                let event = text(outcome.event.name());
                Self::Confirm(wit::Confirmed { disclosed: (&outcome.disclosed).into(), event })
            }
            Output::Logout(outcome) => Self::Logout(wit::LoggedOut { event: text(outcome.event.name()) }),
            Output::LogoutEverywhere(outcome) => {
                let event = text(outcome.event.name());
                Self::LogoutEverywhere(wit::LoggedOutEverywhere {
                    disclosed: outcome.disclosed.into(),
                    event,
                })
            }
        }
    }
}

fn limited(retry_after: Duration) -> wit::Limited {
    wit::Limited { retry_after: micros(retry_after) }
}

impl From<Registration> for wit::Registration {
    fn from(disclosed: Registration) -> Self {
        match disclosed {
            Registration::Accepted => Self::Accepted,
            Registration::Pending => Self::Pending,
            Registration::EmailTaken => Self::EmailTaken,
            Registration::WeakPassword(weakness) => Self::WeakPassword(weakness.into()),
            Registration::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            Registration::Contended => Self::Contended,
        }
    }
}

impl From<Activation> for wit::Activation {
    fn from(disclosed: Activation) -> Self {
        match disclosed {
            Activation::Activated(account) => Self::Activated((&account).into()),
            Activation::Refused => Self::Refused,
            Activation::NoAccount => Self::NoAccount,
            Activation::AlreadyActive => Self::AlreadyActive,
            Activation::WrongPassword => Self::WrongPassword,
            Activation::CodeExpired => Self::CodeExpired,
            Activation::WrongCode => Self::WrongCode,
            Activation::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            Activation::Contended => Self::Contended,
        }
    }
}

impl From<Resending> for wit::Resending {
    fn from(disclosed: Resending) -> Self {
        match disclosed {
            Resending::Accepted => Self::Accepted,
            Resending::NoAccount => Self::NoAccount,
            Resending::AlreadyActive => Self::AlreadyActive,
            Resending::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            Resending::Contended => Self::Contended,
        }
    }
}

impl From<&Account> for wit::Account {
    fn from(account: &Account) -> Self {
        Self {
            id: octets(account.id.as_bytes()),
            address: text(account.address.given()),
            since: account.since.as_micros(),
        }
    }
}

impl From<&LoggingIn> for wit::LoggingIn {
    fn from(disclosed: &LoggingIn) -> Self {
        match disclosed {
            LoggingIn::LoggedIn { token, expires_in, device, account } => Self::LoggedIn(wit::Opened {
                token: text(token.expose()),
                expires_in: micros(*expires_in),
                device: text(device.expose()),
                account: account.into(),
            }),
            LoggingIn::Refused => Self::Refused,
            LoggingIn::NoAccount => Self::NoAccount,
            LoggingIn::WrongPassword => Self::WrongPassword,
            LoggingIn::NotActivated => Self::NotActivated,
            LoggingIn::Blocked => Self::Blocked,
            LoggingIn::RateLimited { retry_after } => Self::RateLimited(limited(*retry_after)),
        }
    }
}

impl From<&Authentication> for wit::Authentication {
    fn from(disclosed: &Authentication) -> Self {
        match disclosed {
            Authentication::Authenticated { account, session, fresh } => {
                let (account, session) = (account.into(), session.into());
                Self::Authenticated(wit::Recognised { account, session, fresh: *fresh })
            }
            Authentication::NoSession => Self::NoSession,
        }
    }
}

impl From<&Confirmation> for wit::Confirmation {
    fn from(disclosed: &Confirmation) -> Self {
        match disclosed {
            Confirmation::Confirmed { token, expires_in } => {
                let token = text(token.expose());
                Self::Confirmed(wit::Renewed { token, expires_in: micros(*expires_in) })
            }
            Confirmation::PasswordRefused => Self::PasswordRefused,
            Confirmation::NoSession => Self::NoSession,
            Confirmation::RateLimited { retry_after } => Self::RateLimited(limited(*retry_after)),
        }
    }
}

impl From<LoggingOut> for wit::LoggingOut {
    fn from(disclosed: LoggingOut) -> Self {
        match disclosed {
            LoggingOut::LoggedOut => Self::LoggedOut,
            LoggingOut::ConfirmFirst => Self::ConfirmFirst,
            LoggingOut::NoSession => Self::NoSession,
            LoggingOut::Contended => Self::Contended,
        }
    }
}
