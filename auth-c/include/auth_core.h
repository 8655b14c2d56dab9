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

// What a call came to.
typedef enum AuthStatus {
  // Done.
  AUTH_STATUS_OK = 0,
  // A pointer that must lead somewhere is null.
  AUTH_STATUS_NULL,
  // The policy is no JSON of a policy, lacks a field, has one too many, or its values do not go together.
  AUTH_STATUS_POLICY,
  // Code keys are 1 to 8 times 32 octets, all of them different.
  AUTH_STATUS_CODE_KEYS,
  // The octets of an input are of an encoding that this version does not read.
  AUTH_STATUS_VERSION,
  // The octets are damaged, of another encoding, or hold a value that cannot be: an address that is none, for
  // example. A flow that was to be answered is as it was, whenever an answer is not taken.
  AUTH_STATUS_MALFORMED,
  // What was typed for a code cannot be one under the policy: tell the visitor that it is wrong.
  AUTH_STATUS_CODE,
  // The answer is to another flow's order.
  AUTH_STATUS_OTHER_RUN,
  // The answer is to an order that this flow has not come to.
  AUTH_STATUS_NEVER_ISSUED,
  // Its order has an answer.
  AUTH_STATUS_ALREADY_ANSWERED,
  // It is of another kind than its order; auth_flow_waits_for says which would have fitted.
  AUTH_STATUS_WRONG_KIND,
  // The password was hashed in another way than was ordered.
  AUTH_STATUS_OTHER_HASHING,
  // The snapshot is of a format that this version does not read.
  AUTH_STATUS_SNAPSHOT_FORMAT,
  // The snapshot is of a flow that this version does not have.
  AUTH_STATUS_SNAPSHOT_OTHER_FLOW,
  // The snapshot is damaged, or was made under rules that decide otherwise.
  AUTH_STATUS_SNAPSHOT_MISMATCH,
  // The text cannot be a password: it is no UTF-8, empty, over 1,024 octets, or has control characters.
  AUTH_STATUS_PASSWORD_UNUSABLE,
  // The password has fewer characters than the policy asks for.
  AUTH_STATUS_PASSWORD_TOO_SHORT,
  // It stands in a list of passwords known from leaks.
  AUTH_STATUS_PASSWORD_COMMON,
  // It is easier to guess than the policy allows.
  AUTH_STATUS_PASSWORD_GUESSABLE,
} AuthStatus;

// One operation with the answers that it has got. It may move between threads, but two must not use it at once.
typedef struct AuthFlow AuthFlow;

// A checked policy and the code keys. Made once; any number of flows go by them, in any number of threads at once,
// until they are given back.
typedef struct AuthRules AuthRules;

// Octets that the library has made: give them back with auth_buffer_free. No octets: data is null.
typedef struct AuthBuffer {
  // Where they are.
  uint8_t *data;
  // How many there are.
  size_t len;
} AuthBuffer;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Returns the documented policy as JSON, to change and hand to auth_rules_new. Durations are microseconds.
struct AuthBuffer auth_default_policy(void);

// Makes rules of a policy in JSON, or null for the documented one, and of code keys: 1 to 8 times 32 octets from
// a CSPRNG, one behind the other. The first one signs, all verify. Every field of the policy must be there. The hash
// floor is the server's: no text can lower it.
//
// # Safety
// `policy` is null or leads to `policy_len` octets, `code_keys` leads to `code_keys_len` octets, `rules` to a pointer.
enum AuthStatus auth_rules_new(const uint8_t *policy,
                               size_t policy_len,
                               const uint8_t *code_keys,
                               size_t code_keys_len,
                               struct AuthRules **rules);

// Gives rules back. Flows that were started with them go on. Null does nothing.
//
// # Safety
// `rules` comes from auth_rules_new and was not given back before.
void auth_rules_free(struct AuthRules *rules);

// Returns a password as it is hashed: in Unicode NFC, so that it is the same however a keyboard has put it together. Hash
// this, at registration and at activation, and nothing else. No octets: it cannot be a password, since it is no UTF-8,
// empty, over 1,024 octets, or has control characters.
//
// # Safety
// `password` leads to `password_len` octets.
struct AuthBuffer auth_password_normalize(const uint8_t *password,
                                          size_t password_len);

// Judges a new password, with what an estimator found: a zxcvbn score of 0 to 4, and whether it stands in a list of
// leaked ones. It enters no flow.
//
// # Safety
// `rules` comes from auth_rules_new, `password` leads to `password_len` octets.
enum AuthStatus auth_rules_judge(const struct AuthRules *rules,
                                 const uint8_t *password,
                                 size_t password_len,
                                 uint8_t score,
                                 bool common);

// Starts a flow from an encoded `Input`; its first order waits to be taken.
//
// # Safety
// `rules` comes from auth_rules_new, `input` leads to `input_len` octets, `flow` to a pointer.
enum AuthStatus auth_flow_start(const struct AuthRules *rules,
                                const uint8_t *input,
                                size_t input_len,
                                struct AuthFlow **flow);

// Returns the order that waits as an encoded `Ordered`, once. No octets: it was taken, or the flow has ended.
//
// # Safety
// `flow` comes from auth_flow_start or auth_flow_restore.
struct AuthBuffer auth_flow_take(struct AuthFlow *flow);

// Takes an encoded `Response` and goes on.
//
// # Safety
// `flow` comes from auth_flow_start or auth_flow_restore, `response` leads to `response_len` octets.
enum AuthStatus auth_flow_answer(struct AuthFlow *flow, const uint8_t *response, size_t response_len);

// Returns the number of the kind of order that waits, as orders begin with it: 0 admit, 1 random, 2 find-account,
// 3 hash-password, 4 commit-account, 5 put-code, 6 redeem-code, 7 send-mail, 8 settle-mail. -1: the flow has ended.
//
// # Safety
// `flow` comes from auth_flow_start or auth_flow_restore, or is null: -1.
int32_t auth_flow_waits_for(const struct AuthFlow *flow);

// Returns what the flow came to as an encoded `Result<Output, Broken>`. No octets: it is under way.
//
// # Safety
// `flow` comes from auth_flow_start or auth_flow_restore.
struct AuthBuffer auth_flow_outcome(const struct AuthFlow *flow);

// Writes the flow down. Hashes and random octets are in it: keep it like a password store.
//
// # Safety
// `flow` comes from auth_flow_start or auth_flow_restore.
struct AuthBuffer auth_flow_snapshot(const struct AuthFlow *flow);

// Takes a flow up again, under the rules that it was started with. An order that waited for its answer waits to be
// taken again.
//
// # Safety
// `rules` comes from auth_rules_new, `snapshot` leads to `snapshot_len` octets, `flow` to a pointer.
enum AuthStatus auth_flow_restore(const struct AuthRules *rules,
                                  const uint8_t *snapshot,
                                  size_t snapshot_len,
                                  struct AuthFlow **flow);

// Gives a flow back, ended or not; its secrets are wiped. Null does nothing.
//
// # Safety
// `flow` comes from auth_flow_start or auth_flow_restore and was not given back before.
void auth_flow_free(struct AuthFlow *flow);

// Gives octets back, wiped. Those without data do nothing.
//
// # Safety
// `octets` comes from this library and was not given back before.
void auth_buffer_free(struct AuthBuffer octets);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* AUTH_CORE_H */
