//! Outcomes.

use alloc::string::String;
use core::time::Duration;

use auth_core::{
    Account, Activation, Authentication, Changing, Confirmation, Deleting, Event, Forgetting, LoggingIn,
    LoggingOut, Registration, Resending, Resetting, wire::Output,
};

use super::{micros, octets, text};
use crate::wit;

// By reference, as orders are: values that were moved out one by one would be dropped one by one.
impl From<&Output> for wit::Output {
    fn from(output: &Output) -> Self {
        /// Makes the record of an outcome.
        macro_rules! ended {
            ($record:ident, $outcome:ident) => {
                wit::$record { disclosed: (&$outcome.disclosed).into(), event: named($outcome.event) }
            };
        }
        match output {
            Output::Register(outcome) => Self::Register(ended!(Registered, outcome)),
            Output::Activate(outcome) => Self::Activate(ended!(Activated, outcome)),
            Output::Resend(outcome) => Self::Resend(ended!(Resent, outcome)),
            Output::Deliver(event) => Self::Deliver(named(*event)),
            Output::Login(outcome) => Self::Login(ended!(LoggedIn, outcome)),
            Output::Authenticate(outcome) => Self::Authenticate(ended!(Authenticated, outcome)),
            Output::Confirm(outcome) => Self::Confirm(ended!(Confirmed, outcome)),
            Output::Logout(outcome) => Self::Logout(wit::LoggedOut { event: named(outcome.event) }),
            Output::LogoutEverywhere(outcome) => Self::LogoutEverywhere(ended!(LoggedOutEverywhere, outcome)),
            Output::ForgotPassword(outcome) => Self::ForgotPassword(ended!(PasswordForgotten, outcome)),
            Output::ResetPassword(outcome) => Self::ResetPassword(ended!(PasswordReset, outcome)),
            Output::ChangePassword(outcome) => Self::ChangePassword(ended!(PasswordChanged, outcome)),
            Output::DeleteAccount(outcome) => Self::DeleteAccount(ended!(AccountDeleted, outcome)),
        }
    }
}

#[inline(never)]
fn named(event: Event) -> String {
    text(event.name())
}

fn limited(retry_after: &Duration) -> wit::Limited {
    wit::Limited { retry_after: micros(retry_after) }
}

impl From<&Registration> for wit::Registration {
    fn from(disclosed: &Registration) -> Self {
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

impl From<&Activation> for wit::Activation {
    fn from(disclosed: &Activation) -> Self {
        match disclosed {
            Activation::Activated(account) => Self::Activated(account.into()),
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

impl From<&Resending> for wit::Resending {
    fn from(disclosed: &Resending) -> Self {
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
                expires_in: micros(expires_in),
                device: text(device.expose()),
                account: account.into(),
            }),
            LoggingIn::Refused => Self::Refused,
            LoggingIn::NoAccount => Self::NoAccount,
            LoggingIn::WrongPassword => Self::WrongPassword,
            LoggingIn::NotActivated => Self::NotActivated,
            LoggingIn::Blocked => Self::Blocked,
            LoggingIn::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
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
                Self::Confirmed(wit::Renewed { token, expires_in: micros(expires_in) })
            }
            Confirmation::PasswordRefused => Self::PasswordRefused,
            Confirmation::NoSession => Self::NoSession,
            Confirmation::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
        }
    }
}

impl From<&LoggingOut> for wit::LoggingOut {
    fn from(disclosed: &LoggingOut) -> Self {
        match disclosed {
            LoggingOut::LoggedOut => Self::LoggedOut,
            LoggingOut::ConfirmFirst => Self::ConfirmFirst,
            LoggingOut::NoSession => Self::NoSession,
            LoggingOut::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            LoggingOut::Contended => Self::Contended,
        }
    }
}

impl From<&Forgetting> for wit::Forgetting {
    fn from(disclosed: &Forgetting) -> Self {
        match disclosed {
            Forgetting::Accepted => Self::Accepted,
            Forgetting::NoAccount => Self::NoAccount,
            Forgetting::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            Forgetting::Contended => Self::Contended,
        }
    }
}

impl From<&Resetting> for wit::Resetting {
    fn from(disclosed: &Resetting) -> Self {
        match disclosed {
            Resetting::Reset { device } => Self::Reset(wit::KnownDevice { device: text(device.expose()) }),
            Resetting::Refused => Self::Refused,
            Resetting::WeakPassword(weakness) => Self::WeakPassword(weakness.into()),
            Resetting::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            Resetting::Contended => Self::Contended,
        }
    }
}

impl From<&Changing> for wit::Changing {
    fn from(disclosed: &Changing) -> Self {
        match disclosed {
            Changing::Changed { token, expires_in, device } => {
                let token = token.as_ref().map(|token| text(token.expose()));
                let device = text(device.expose());
                Self::Changed(wit::Reopened { token, expires_in: micros(expires_in), device })
            }
            Changing::PasswordRefused => Self::PasswordRefused,
            Changing::NoSession => Self::NoSession,
            Changing::WeakPassword(weakness) => Self::WeakPassword(weakness.into()),
            Changing::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            Changing::Contended => Self::Contended,
        }
    }
}

impl From<&Deleting> for wit::Deleting {
    fn from(disclosed: &Deleting) -> Self {
        match disclosed {
            Deleting::Deleted => Self::Deleted,
            Deleting::ConfirmFirst => Self::ConfirmFirst,
            Deleting::NoSession => Self::NoSession,
            Deleting::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            Deleting::Contended => Self::Contended,
        }
    }
}
