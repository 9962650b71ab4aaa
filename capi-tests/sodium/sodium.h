/*
 * The few functions of libsodium that libzmq 4.3.5 and its CURVE test call, so that both can be built on a machine
 * without it. For tests only: right, but not hardened (no locked memory, no guard pages).
 *
 * X25519 is RFC 7748, Poly1305 RFC 8439, XSalsa20 and the boxes are NaCl's. The boxes are NaCl's padded form: the
 * plaintext starts with 32 zero bytes, the ciphertext with 16.
 */
#ifndef CAPI_TESTS_SODIUM_H
#define CAPI_TESTS_SODIUM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define crypto_box_PUBLICKEYBYTES 32U
#define crypto_box_SECRETKEYBYTES 32U
#define crypto_box_BEFORENMBYTES 32U
#define crypto_box_NONCEBYTES 24U
#define crypto_box_MACBYTES 16U
#define crypto_box_ZEROBYTES 32U
#define crypto_box_BOXZEROBYTES 16U
#define crypto_secretbox_KEYBYTES 32U
#define crypto_secretbox_NONCEBYTES 24U
#define crypto_secretbox_ZEROBYTES 32U
#define crypto_secretbox_BOXZEROBYTES 16U

int sodium_init(void);
void *sodium_allocarray(size_t count, size_t size);
void sodium_free(void *memory);
void sodium_memzero(void *memory, size_t length);
void randombytes(unsigned char *out, unsigned long long length);
void randombytes_close(void);

int crypto_scalarmult_base(unsigned char *q, const unsigned char *n);
int crypto_scalarmult(unsigned char *q, const unsigned char *n, const unsigned char *p);

int crypto_secretbox(unsigned char *c, const unsigned char *m, unsigned long long length, const unsigned char *nonce,
                     const unsigned char *key);
int crypto_secretbox_open(unsigned char *m, const unsigned char *c, unsigned long long length,
                          const unsigned char *nonce, const unsigned char *key);

int crypto_box_keypair(unsigned char *public_key, unsigned char *secret_key);
int crypto_box_beforenm(unsigned char *key, const unsigned char *public_key, const unsigned char *secret_key);
int crypto_box_afternm(unsigned char *c, const unsigned char *m, unsigned long long length, const unsigned char *nonce,
                       const unsigned char *key);
int crypto_box_open_afternm(unsigned char *m, const unsigned char *c, unsigned long long length,
                            const unsigned char *nonce, const unsigned char *key);
int crypto_box(unsigned char *c, const unsigned char *m, unsigned long long length, const unsigned char *nonce,
               const unsigned char *public_key, const unsigned char *secret_key);
int crypto_box_open(unsigned char *m, const unsigned char *c, unsigned long long length, const unsigned char *nonce,
                    const unsigned char *public_key, const unsigned char *secret_key);

#ifdef __cplusplus
}
#endif

#endif
