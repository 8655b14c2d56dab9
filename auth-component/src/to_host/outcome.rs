//! Outcomes.

use core::time::Duration;

use auth_core::{
    Account, Activation, AskingToMove, Authentication, Changing, Confirmation, Deleting, Forgetting,
    LoggingIn, LoggingOut, Registration, Relocation, Reopened, Resending, Resetting, wire::Output,
};

use super::{micros, octets, text};
use crate::wit;

// By reference, as orders are: values that were moved out one by one would be dropped one by one.
impl From<&Output> for wit::Outcome {
    fn from(output: &Output) -> Self {
        macro_rules! outcome {
            ($($flow:ident)+) => {
                match output {
                    Output::Deliver(event) => (wit::Disclosed::Deliver, *event),
                    Output::Administer(event) => (wit::Disclosed::Administer, *event),
                    Output::Import(event) => (wit::Disclosed::Import, *event),
                    Output::Logout(outcome) => (wit::Disclosed::Logout, outcome.event),
                    $(Output::$flow(outcome) => {
                        (wit::Disclosed::$flow((&outcome.disclosed).into()), outcome.event)
                    })+
                }
            };
        }
        let (disclosed, event) = outcome!(
            Register Activate Resend Login Authenticate Confirm LogoutEverywhere ForgotPassword ResetPassword
            ChangePassword DeleteAccount ChangeAddress ConfirmAddress
        );
        Self { disclosed, event: text(event.name()) }
    }
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
            Resetting::Reset(device) => Self::Reset(text(device.expose())),
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
            Changing::Changed(session) => Self::Changed(session.into()),
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

impl From<&AskingToMove> for wit::AskingToMove {
    fn from(disclosed: &AskingToMove) -> Self {
        match disclosed {
            AskingToMove::Accepted => Self::Accepted,
            AskingToMove::Taken => Self::Taken,
            AskingToMove::ConfirmFirst => Self::ConfirmFirst,
            AskingToMove::NoSession => Self::NoSession,
            AskingToMove::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            AskingToMove::Contended => Self::Contended,
        }
    }
}

impl From<&Relocation> for wit::Relocation {
    fn from(disclosed: &Relocation) -> Self {
        match disclosed {
            Relocation::Moved { session, account } => {
                Self::Moved(wit::Relocated { session: session.into(), account: account.into() })
            }
            Relocation::Refused => Self::Refused,
            Relocation::NoSession => Self::NoSession,
            Relocation::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            Relocation::Contended => Self::Contended,
        }
    }
}

impl From<&Reopened> for wit::Reopened {
    #[inline(never)]
    fn from(session: &Reopened) -> Self {
        Self {
            token: session.token.as_ref().map(|token| text(token.expose())),
            expires_in: micros(&session.expires_in),
            device: text(session.device.expose()),
        }
    }
}
