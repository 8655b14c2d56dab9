// auth-core for C. Made by `cargo xtask c --record`; change auth-c/src/lib.rs instead.
//
// Everything that goes in or comes out of a flow is octets in the encoding of auth_core::wire: postcard's wire
// format 1.0 behind one octet that names the version. auth-core/README.md has the contract, auth-core/scripts every
// value in octets beside the same in JSON, examples/c/wire.h a reader and a writer.
//
// Null where a pointer must not be is AUTH_STATUS_NULL, no octets or -1, not a crash; that a pointer leads to as many octets as are named
// is up to the caller. What makes a handle sets the pointer to null first, so it can be given back whatever comes. Treat
// a status that you do not know as a refusal.


#ifndef AUTH_CORE_H
#define AUTH_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The result of a call.
typedef enum AuthStatus {
  // The call succeeded.
  AUTH_STATUS_OK = 0,
  // A pointer that must not be null is null.
  AUTH_STATUS_NULL,
  // The policy is not JSON, lacks a field, has an unknown one, or is not allowed. Start from auth_default_policy.
  AUTH_STATUS_POLICY,
  // Code keys must be 1 to 8 times 32 bytes, all of them different.
  AUTH_STATUS_CODE_KEYS,
  // This version cannot read the encoding of an input.
  AUTH_STATUS_VERSION,
  // The bytes are damaged, of another encoding, or contain an impossible value, such as an invalid address. A flow
  // that refuses an answer is unchanged.
  AUTH_STATUS_MALFORMED,
  // The typed code is impossible under the policy: tell the visitor that it is wrong.
  AUTH_STATUS_CODE,
  // The answer belongs to another flow's order.
  AUTH_STATUS_OTHER_RUN,
  // The answer is to an order that this flow has not reached.
  AUTH_STATUS_NEVER_ISSUED,
  // The order is answered already.
  AUTH_STATUS_ALREADY_ANSWERED,
  // The answer is of another kind than its order; auth_flow_waits_for returns the kind that matches.
  AUTH_STATUS_WRONG_KIND,
  // The password was hashed with other parameters than ordered.
  AUTH_STATUS_OTHER_HASHING,
  // This version cannot read the snapshot's format. Start the flow again.
  AUTH_STATUS_SNAPSHOT_FORMAT,
  // The snapshot contains a flow that this version does not have. Start the flow again.
  AUTH_STATUS_SNAPSHOT_OTHER_FLOW,
  // The snapshot is damaged, or was made under other rules. Start the flow again.
  AUTH_STATUS_SNAPSHOT_MISMATCH,
  // The text cannot be a password: it is not UTF-8, empty, over 1,024 bytes, or has control characters.
  AUTH_STATUS_PASSWORD_UNUSABLE,
  // The password has fewer characters than the policy requires.
  AUTH_STATUS_PASSWORD_TOO_SHORT,
  // The password is in a list of passwords known from leaks.
  AUTH_STATUS_PASSWORD_COMMON,
  // The password is easier to guess than the policy allows.
  AUTH_STATUS_PASSWORD_GUESSABLE,
} AuthStatus;

// One operation with the answers so far. It may move between threads, but two threads must not use it at the same
// time.
typedef struct AuthFlow AuthFlow;

// A checked policy and the code keys. Make it once; any number of flows can use it, in any number of threads at
// once, until it is freed.
typedef struct AuthRules AuthRules;

// Bytes made by the library: free them with auth_buffer_free. If there are none, data is null.
typedef struct AuthBuffer {
  // The first byte.
  uint8_t *data;
  // The number of bytes.
  size_t len;
} AuthBuffer;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Returns the documented policy as JSON, to change and pass to auth_rules_new. Durations are microseconds.
struct AuthBuffer auth_default_policy(void);

// Makes rules from a policy in JSON, or null for the documented one, and from code keys: 1 to 8 times 32 bytes of a
// CSPRNG, one after the other. The first one signs, all verify. Every field of the policy is required. The hash
// floor is the server's: no JSON can lower it.
//
// # Safety
// `policy` is null or points to `policy_len` bytes, `code_keys` to `code_keys_len` bytes, `rules` to a pointer.
enum AuthStatus auth_rules_new(const uint8_t *policy,
                               size_t policy_len,
                               const uint8_t *code_keys,
                               size_t code_keys_len,
                               struct AuthRules **rules);

// Frees rules. Flows that were started with them continue. Null does nothing.
//
// # Safety
// `rules` comes from auth_rules_new and was not freed before.
void auth_rules_free(struct AuthRules *rules);

// Returns a password as it is to be hashed: in Unicode NFC, so that it does not depend on how a keyboard composes
// characters. Hash only this, at registration and at activation. Returns no bytes if it cannot be a password: not
// UTF-8, empty, over 1,024 bytes, or with control characters.
//
// # Safety
// `password` points to `password_len` bytes.
struct AuthBuffer auth_password_normalize(const uint8_t *password,
                                          size_t password_len);

// Judges a new password with the result of a strength estimator: a zxcvbn score of 0 to 4, and whether it is in a
// list of leaked ones. The password enters no flow.
//
// # Safety
// `rules` comes from auth_rules_new, `password` points to `password_len` bytes.
enum AuthStatus auth_rules_judge(const struct AuthRules *rules,
                                 const uint8_t *password,
                                 size_t password_len,
                                 uint8_t score,
                                 bool common);

// Starts a flow from an encoded `Input`; its first order waits to be taken.
//
// # Safety
// `rules` comes from auth_rules_new, `input` points to `input_len` bytes, `flow` to a pointer.
enum AuthStatus auth_flow_start(const struct AuthRules *rules,
                                const uint8_t *input,
                                size_t input_len,
                                struct AuthFlow **flow);

// Returns the order that waits as an encoded `Ordered`, once. Returns no bytes if it was taken or the flow has
// ended.
//
// # Safety
// `flow` comes from auth_flow_start or auth_flow_restore.
struct AuthBuffer auth_flow_take(struct AuthFlow *flow);

// Accepts an encoded `Response` and continues.
//
// # Safety
// `flow` comes from auth_flow_start or auth_flow_restore, `response` points to `response_len` bytes.
enum AuthStatus auth_flow_answer(struct AuthFlow *flow, const uint8_t *response, size_t response_len);

// Returns the number of the kind of order that waits, with which encoded orders begin: 0 admit, 1 random, 2
// find-account, 3 hash-password, 4 commit-account, 5 put-code, 6 redeem-code, 7 send-mail, 8 settle-mail. Returns -1
// if the flow has ended.
//
// # Safety
// `flow` comes from auth_flow_start or auth_flow_restore, or is null, for which it returns -1.
int32_t auth_flow_waits_for(const struct AuthFlow *flow);

// Returns the result of the flow as an encoded `Result<Output, Broken>`. Returns no bytes if it has not ended.
//
// # Safety
// `flow` comes from auth_flow_start or auth_flow_restore.
struct AuthBuffer auth_flow_outcome(const struct AuthFlow *flow);

// Writes the flow to bytes. They contain hashes and random bytes: protect them like passwords.
//
// # Safety
// `flow` comes from auth_flow_start or auth_flow_restore.
struct AuthBuffer auth_flow_snapshot(const struct AuthFlow *flow);

// Restores a flow under the rules that it was started with. An order that waited for its answer can be taken again.
//
// # Safety
// `rules` comes from auth_rules_new, `snapshot` points to `snapshot_len` bytes, `flow` to a pointer.
enum AuthStatus auth_flow_restore(const struct AuthRules *rules,
                                  const uint8_t *snapshot,
                                  size_t snapshot_len,
                                  struct AuthFlow **flow);

// Frees a flow, ended or not, and wipes its secrets. Null does nothing.
//
// # Safety
// `flow` comes from auth_flow_start or auth_flow_restore and was not freed before.
void auth_flow_free(struct AuthFlow *flow);

// Wipes and frees bytes. A buffer without data does nothing.
//
// # Safety
// `bytes` comes from this library and was not freed before.
void auth_buffer_free(struct AuthBuffer bytes);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* AUTH_CORE_H */
