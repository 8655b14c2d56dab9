//! The list of problems: what each means, and what to do.

/// A kind of problem; its page is `/problems/<name>`, below where the service is mounted.
#[derive(Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// The last part of its `type`.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// One line, always the same.
    pub title: &'static str,
    /// What it means.
    pub explanation: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

const fn kind(
    name: &'static str,
    status: u16,
    title: &'static str,
    explanation: &'static str,
    remedy: &'static str,
) -> ProblemKind {
    ProblemKind { name, status, title, explanation, remedy }
}

pub(in crate::http) static INVALID_REQUEST: ProblemKind = kind(
    "invalid-request",
    400,
    "The request is not valid",
    "The head is not HTTP/1.1, or the body is not the JSON object that the operation takes, or a field is \
     missing, unknown, doubled, of the wrong type or not well-formed.",
    "Look at the list of errors: each names a field and what it must be. The API page describes every operation.",
);

pub(in crate::http) static CODE_WRONG: ProblemKind = kind(
    "code-wrong",
    400,
    "The code is wrong",
    "This is none of the account's codes. At an activation address and password are right, and only deployments that \
     disclose reasons answer this; at a change of address none may wait, or the address has an account by now.",
    "Type the code of the newest mail. After a few wrong codes, ask for a new one.",
);

pub(in crate::http) static ACTIVATION_REFUSED: ProblemKind = kind(
    "activation-refused",
    401,
    "The account was not activated",
    "Address, password and code together activate an account, and these don't. The answer is the same for \
     every reason, so that nobody can find out who has an account.",
    "Ask for a new code and use the newest mail. If that fails too, register again with your password; an \
     account that is active already needs no activation.",
);

pub(in crate::http) static CREDENTIALS_REFUSED: ProblemKind = kind(
    "credentials-refused",
    401,
    "The password is wrong",
    "There is an account of this address, and this is not its password. Only deployments that disclose reasons answer \
     this.",
    "Type the password again. An account that is not active yet has that of the latest registration: register again \
     with your password if you have forgotten it.",
);

pub(in crate::http) static LOGIN_REFUSED: ProblemKind = kind(
    "login-refused",
    401,
    "You are not logged in",
    "Address and password together open a session, and these don't. The answer is the same for every reason, so that \
     nobody can find out who has an account.",
    "Check the address and type the password again. An account must be activated before its first login.",
);

pub(in crate::http) static RESET_REFUSED: ProblemKind = kind(
    "reset-refused",
    401,
    "The password was not reset",
    "The token is not one that was mailed to this address, its time is over, or the password has been set since it was mailed.",
    "Ask for a new mail.",
);

pub(in crate::http) static NO_SESSION: ProblemKind = kind(
    "no-session",
    401,
    "There is no such session",
    "The request shows no token of a session that counts: it has ended, or there never was one.",
    "Log in, and send its token as Authorization: Bearer.",
);

pub(in crate::http) static NOT_ACTIVATED: ProblemKind = kind(
    "not-activated",
    403,
    "The account is not active yet",
    "The password is right, and the account waits for the code from its mail. Only deployments that disclose reasons \
     answer this.",
    "Activate the account with the newest code; ask for a new one if it has expired.",
);

pub(in crate::http) static ACCOUNT_BLOCKED: ProblemKind = kind(
    "account-blocked",
    403,
    "The account is blocked",
    "The password is right, and an operator has blocked the account. Only deployments that disclose reasons answer this.",
    "Ask the operator of the service.",
);

pub(in crate::http) static PASSWORD_REFUSED: ProblemKind = kind(
    "password-refused",
    403,
    "The password is wrong",
    "The session counts, and this is not the password of its account. The session stays as it is.",
    "Type the password again.",
);

pub(in crate::http) static CONFIRM_FIRST: ProblemKind = kind(
    "confirm-first",
    403,
    "The password is needed once more",
    "What was asked for changes the account, and the password was not given recently.",
    "Confirm the session with the password, and ask again with the new token.",
);

pub(in crate::http) static ORIGIN_REFUSED: ProblemKind = kind(
    "origin-refused",
    403,
    "The request is not from this service's own pages",
    "The deployment keeps sessions in cookies: what changes something must come from a page of its own origin.",
    "Send the request from that page, so that the browser says so in Origin or Sec-Fetch-Site; other programs set \
     Origin themselves.",
);

pub(in crate::http) static SESSION_NOT_FOUND: ProblemKind = kind(
    "session-not-found",
    404,
    "There is no such session",
    "No session of this account has this name; perhaps it has ended.",
    "List the sessions again.",
);

pub(in crate::http) static ACCOUNT_NOT_FOUND: ProblemKind = kind(
    "account-not-found",
    404,
    "There is no such account",
    "Nothing is known of this address, or its registration was never completed and has expired. Only \
     deployments that disclose reasons answer this.",
    "Check the address, or register it.",
);

pub(in crate::http) static NOT_FOUND: ProblemKind = kind(
    "not-found",
    404,
    "There is nothing here",
    "No page or operation has this path.",
    "Check the path; the API page lists every operation.",
);

pub(in crate::http) static METHOD_NOT_ALLOWED: ProblemKind = kind(
    "method-not-allowed",
    405,
    "The method is not allowed",
    "The path exists, but not with this method.",
    "Use one of the methods in the Allow header.",
);

pub(in crate::http) static NOT_ACCEPTABLE: ProblemKind = kind(
    "not-acceptable",
    406,
    "No acceptable format",
    "The Accept header admits neither application/json nor application/problem+json, and there is nothing else.",
    "Leave the Accept header out, or admit application/json.",
);

pub(in crate::http) static REQUEST_TIMEOUT: ProblemKind = kind(
    "request-timeout",
    408,
    "The request took too long to arrive",
    "The head and the body of a request must each arrive within ten seconds.",
    "Send the request again, at once and whole.",
);

pub(in crate::http) static EMAIL_TAKEN: ProblemKind = kind(
    "email-taken",
    409,
    "The address has an account",
    "An active account has this address. Only deployments that disclose reasons answer this.",
    "Sign in, or use another address.",
);

pub(in crate::http) static ALREADY_ACTIVE: ProblemKind = kind(
    "already-active",
    409,
    "The account is active already",
    "An active account needs no activation and no code. Only deployments that disclose reasons answer this.",
    "Sign in.",
);

pub(in crate::http) static CODE_EXPIRED: ProblemKind = kind(
    "code-expired",
    410,
    "The code has expired",
    "Address and password are right, but no code of the account is good any more: their time is over, or too many wrong ones were tried. Only \
     deployments that disclose reasons answer this.",
    "Ask for a new code.",
);

pub(in crate::http) static BODY_TOO_LARGE: ProblemKind = kind(
    "body-too-large",
    413,
    "The body is too large",
    "A body has 4096 bytes at most.",
    "Send less; a password has 1024 bytes at most.",
);

pub(in crate::http) static UNSUPPORTED_MEDIA_TYPE: ProblemKind = kind(
    "unsupported-media-type",
    415,
    "The media type is not supported",
    "The operation takes application/json, without a content coding.",
    "Send JSON with the header Content-Type: application/json, and without Content-Encoding.",
);

pub(in crate::http) static WEAK_PASSWORD: ProblemKind = kind(
    "weak-password",
    422,
    "The password is too weak",
    "The password is shorter than the minimum, known from leaks, or quickly guessed.",
    "Look at the list of errors. Several unrelated words make a good password; there are no rules for digits \
     or symbols.",
);

pub(in crate::http) static RATE_LIMITED: ProblemKind = kind(
    "rate-limited",
    429,
    "Too many requests",
    "This client has sent more requests than it is allowed in a minute, or too many wrong passwords were tried.",
    "Wait as many seconds as the Retry-After header says.",
);

pub(in crate::http) static HEAD_TOO_LARGE: ProblemKind = kind(
    "head-too-large",
    431,
    "The head of the request is too large",
    "A request's first line and its headers have 16 kilobytes at most, and there are 100 headers at most.",
    "Send fewer and shorter headers: look for large cookies, tracing headers and tokens.",
);

pub(in crate::http) static INTERNAL: ProblemKind = kind(
    "internal",
    500,
    "Something went wrong here",
    "An error in this service. It is in its log under the request id.",
    "Try again later, and tell the operator the request id if it stays.",
);

pub(in crate::http) static OVERLOADED: ProblemKind = kind(
    "overloaded",
    503,
    "Too busy",
    "More passwords wait to be hashed than can be done in time. Nothing was changed.",
    "Send the same request again after as many seconds as the Retry-After header says.",
);

pub(in crate::http) static UNAVAILABLE: ProblemKind = kind(
    "unavailable",
    503,
    "Not available",
    "A part that this service needs does not answer. The request may have been carried out; repeating it is \
     harmless.",
    "Send the same request again after as many seconds as the Retry-After header says.",
);

/// Every kind, in the order of their statuses.
pub(in crate::http) static KINDS: &[&ProblemKind] = &[
    &INVALID_REQUEST,
    &CODE_WRONG,
    &ACTIVATION_REFUSED,
    &CREDENTIALS_REFUSED,
    &LOGIN_REFUSED,
    &RESET_REFUSED,
    &NO_SESSION,
    &NOT_ACTIVATED,
    &ACCOUNT_BLOCKED,
    &PASSWORD_REFUSED,
    &CONFIRM_FIRST,
    &ORIGIN_REFUSED,
    &ACCOUNT_NOT_FOUND,
    &SESSION_NOT_FOUND,
    &NOT_FOUND,
    &METHOD_NOT_ALLOWED,
    &NOT_ACCEPTABLE,
    &REQUEST_TIMEOUT,
    &EMAIL_TAKEN,
    &ALREADY_ACTIVE,
    &CODE_EXPIRED,
    &BODY_TOO_LARGE,
    &UNSUPPORTED_MEDIA_TYPE,
    &WEAK_PASSWORD,
    &RATE_LIMITED,
    &HEAD_TOO_LARGE,
    &INTERNAL,
    &OVERLOADED,
    &UNAVAILABLE,
];
