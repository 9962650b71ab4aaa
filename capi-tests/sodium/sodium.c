/* See sodium.h. */
#define _GNU_SOURCE
#include "sodium.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned __int128 u128;

static u32 load32(const u8 *p)
{
    return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static u64 load64(const u8 *p)
{
    return load32(p) | (u64)load32(p + 4) << 32;
}

static void store32(u8 *p, u32 v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (u8)(v >> (8 * i));
}

static void store64(u8 *p, u64 v)
{
    store32(p, (u32)v);
    store32(p + 4, (u32)(v >> 32));
}

/* X25519: numbers modulo 2^255 - 19 in five limbs of 51 bits. */

typedef u64 field[5];
static const u64 LIMB = ((u64)1 << 51) - 1;

static void fe_carry(field r, u128 t[5])
{
    for (int i = 0; i < 4; i++)
        t[i + 1] += t[i] >> 51;
    for (int i = 0; i < 5; i++)
        r[i] = (u64)t[i] & LIMB;
    u128 low = (u128)r[0] + (t[4] >> 51) * 19;
    r[0] = (u64)low & LIMB;
    r[1] += (u64)(low >> 51);
}

static void fe_mul(field r, const field a, const field b)
{
    u128 t[5] = {0};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            t[(i + j) % 5] += (u128)a[i] * (i + j < 5 ? b[j] : b[j] * 19);
    fe_carry(r, t);
}

static void fe_mul_small(field r, const field a, u64 b)
{
    u128 t[5];
    for (int i = 0; i < 5; i++)
        t[i] = (u128)a[i] * b;
    fe_carry(r, t);
}

static void fe_add(field r, const field a, const field b)
{
    for (int i = 0; i < 5; i++)
        r[i] = a[i] + b[i];
}

/* Adds 8p first so that no limb goes below zero. */
static void fe_sub(field r, const field a, const field b)
{
    u128 t[5];
    for (int i = 0; i < 5; i++)
        t[i] = (u128)a[i] + (i == 0 ? 8 * (LIMB - 18) : 8 * LIMB) - b[i];
    fe_carry(r, t);
}

static void fe_swap(field a, field b, u64 swap)
{
    for (int i = 0; i < 5; i++) {
        u64 x = (a[i] ^ b[i]) & (0 - swap);
        a[i] ^= x;
        b[i] ^= x;
    }
}

/* a^(p-2): every bit of p-2 is set but bits 2 and 4. */
static void fe_invert(field r, const field a)
{
    field x;
    memcpy(x, a, sizeof x);
    for (int bit = 253; bit >= 0; bit--) {
        fe_mul(x, x, x);
        if (bit != 2 && bit != 4)
            fe_mul(x, x, a);
    }
    memcpy(r, x, sizeof x);
}

static void fe_load(field r, const u8 *p)
{
    r[0] = load64(p) & LIMB;
    r[1] = load64(p + 6) >> 3 & LIMB;
    r[2] = load64(p + 12) >> 6 & LIMB;
    r[3] = load64(p + 19) >> 1 & LIMB;
    r[4] = load64(p + 24) >> 12 & LIMB;
}

static void fe_store(u8 *p, const field a)
{
    u64 t[5];
    memcpy(t, a, sizeof t);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++) {
            t[i + 1] += t[i] >> 51;
            t[i] &= LIMB;
        }
        t[0] += (t[4] >> 51) * 19;
        t[4] &= LIMB;
    }
    /* Subtracting p is adding 19 and dropping bit 255: do so if that bit comes up. */
    u64 carry = t[0] + 19;
    for (int i = 1; i < 5; i++)
        carry = t[i] + (carry >> 51);
    t[0] += 19 * (carry >> 51);
    for (int i = 0; i < 4; i++) {
        t[i + 1] += t[i] >> 51;
        t[i] &= LIMB;
    }
    t[4] &= LIMB;
    store64(p, t[0] | t[1] << 51);
    store64(p + 8, t[1] >> 13 | t[2] << 38);
    store64(p + 16, t[2] >> 26 | t[3] << 25);
    store64(p + 24, t[3] >> 39 | t[4] << 12);
}

int crypto_scalarmult(u8 *q, const u8 *n, const u8 *point)
{
    u8 k[32];
    memcpy(k, n, 32);
    k[0] &= 248;
    k[31] = (u8)((k[31] & 127) | 64);

    field x1, x2 = {1}, z2 = {0}, x3, z3 = {1}, a, b, aa, bb, e, c, d;
    fe_load(x1, point);
    memcpy(x3, x1, sizeof x3);
    u64 swap = 0;
    for (int bit = 254; bit >= 0; bit--) {
        u64 now = k[bit / 8] >> (bit % 8) & 1;
        fe_swap(x2, x3, swap ^ now);
        fe_swap(z2, z3, swap ^ now);
        swap = now;
        fe_add(a, x2, z2);
        fe_sub(b, x2, z2);
        fe_add(c, x3, z3);
        fe_sub(d, x3, z3);
        fe_mul(d, d, a);
        fe_mul(c, c, b);
        fe_mul(aa, a, a);
        fe_mul(bb, b, b);
        fe_sub(e, aa, bb);
        fe_add(x3, d, c);
        fe_mul(x3, x3, x3);
        fe_sub(z3, d, c);
        fe_mul(z3, z3, z3);
        fe_mul(z3, z3, x1);
        fe_mul(x2, aa, bb);
        fe_mul_small(z2, e, 121665);
        fe_add(z2, z2, aa);
        fe_mul(z2, z2, e);
    }
    fe_swap(x2, x3, swap);
    fe_swap(z2, z3, swap);
    fe_invert(z2, z2);
    fe_mul(x2, x2, z2);
    fe_store(q, x2);

    u8 any = 0;
    for (int i = 0; i < 32; i++)
        any |= q[i];
    return any ? 0 : -1;
}

int crypto_scalarmult_base(u8 *q, const u8 *n)
{
    static const u8 base[32] = {9};
    return crypto_scalarmult(q, n, base);
}

/* Salsa20's core, without (HSalsa20) or with (Salsa20) the last addition. */

static void salsa20_rounds(u32 x[16])
{
    static const u8 quarter[8][4] = {{4, 8, 12, 0}, {9, 13, 1, 5}, {14, 2, 6, 10}, {3, 7, 11, 15},
                                     {1, 2, 3, 0},  {6, 7, 4, 5},  {11, 8, 9, 10}, {12, 13, 14, 15}};
    static const u8 turn[4] = {7, 9, 13, 18};
    for (int round = 0; round < 10; round++)
        for (int i = 0; i < 8; i++)
            for (int j = 0; j < 4; j++) {
                u32 sum = x[quarter[i][(j + 3) % 4]] + x[quarter[i][(j + 2) % 4]];
                x[quarter[i][j]] ^= sum << turn[j] | sum >> (32 - turn[j]);
            }
}

static void salsa20_setup(u32 x[16], const u8 *key, const u8 *in)
{
    static const u32 sigma[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (int i = 0; i < 4; i++) {
        x[5 * i] = sigma[i];
        x[1 + i] = load32(key + 4 * i);
        x[6 + i] = load32(in + 4 * i);
        x[11 + i] = load32(key + 16 + 4 * i);
    }
}

static void hsalsa20(u8 out[32], const u8 *in, const u8 *key)
{
    static const u8 pick[8] = {0, 5, 10, 15, 6, 7, 8, 9};
    u32 x[16];
    salsa20_setup(x, key, in);
    salsa20_rounds(x);
    for (int i = 0; i < 8; i++)
        store32(out + 4 * i, x[pick[i]]);
}

/* XORs the XSalsa20 key stream into `length` bytes. */
static void xsalsa20_xor(u8 *out, const u8 *in, u64 length, const u8 *nonce, const u8 *key)
{
    u8 subkey[32], counter[16], block[64];
    hsalsa20(subkey, nonce, key);
    memcpy(counter, nonce + 16, 8);
    for (u64 n = 0; n * 64 < length; n++) {
        u32 start[16], x[16];
        store64(counter + 8, n);
        salsa20_setup(start, subkey, counter);
        memcpy(x, start, sizeof x);
        salsa20_rounds(x);
        for (int i = 0; i < 16; i++)
            store32(block + 4 * i, x[i] + start[i]);
        for (u64 i = n * 64; i < length && i < n * 64 + 64; i++)
            out[i] = in[i] ^ block[i % 64];
    }
}

/* Poly1305: numbers modulo 2^130 - 5 in limbs of 44, 44 and 42 bits. */

static void poly1305(u8 tag[16], const u8 *m, u64 length, const u8 key[32])
{
    const u64 limb = ((u64)1 << 44) - 1;
    u64 low = load64(key) & 0x0ffffffc0fffffff, high = load64(key + 8) & 0x0ffffffc0ffffffc;
    u64 r[3] = {low & limb, (low >> 44 | high << 20) & limb, high >> 24};
    u64 h[3] = {0, 0, 0};

    while (length > 0) {
        u8 block[17] = {0};
        u64 n = length < 16 ? length : 16;
        memcpy(block, m, n);
        block[n] = 1;
        m += n;
        length -= n;
        low = load64(block);
        high = load64(block + 8);
        h[0] += low & limb;
        h[1] += (low >> 44 | high << 20) & limb;
        h[2] += high >> 24 | (u64)block[16] << 40;

        /* 2^132 is 20 modulo p. */
        u128 t0 = (u128)h[0] * r[0] + (u128)h[1] * (r[2] * 20) + (u128)h[2] * (r[1] * 20);
        u128 t1 = (u128)h[0] * r[1] + (u128)h[1] * r[0] + (u128)h[2] * (r[2] * 20);
        u128 t2 = (u128)h[0] * r[2] + (u128)h[1] * r[1] + (u128)h[2] * r[0];
        t1 += t0 >> 44;
        t2 += t1 >> 44;
        u128 first = ((u64)t0 & limb) + (t2 >> 42) * 5;
        h[0] = (u64)first & limb;
        h[1] = ((u64)t1 & limb) + (u64)(first >> 44);
        h[2] = (u64)t2 & (limb >> 2);
    }

    for (int round = 0; round < 2; round++) {
        h[1] += h[0] >> 44;
        h[2] += h[1] >> 44;
        h[0] = (h[0] & limb) + (h[2] >> 42) * 5;
        h[1] &= limb;
        h[2] &= limb >> 2;
    }
    h[1] += h[0] >> 44;
    h[0] &= limb;

    /* Subtract p if that leaves a number: h + 5 reaches 2^130. */
    u64 g0 = h[0] + 5, g1 = h[1] + (g0 >> 44), g2 = h[2] + (g1 >> 44);
    if (g2 >> 42) {
        h[0] = g0 & limb;
        h[1] = g1 & limb;
        h[2] = g2 & (limb >> 2);
    }
    u128 sum = (u128)h[0] + ((u128)h[1] << 44) + ((u128)h[2] << 88);
    sum += (u128)load64(key + 16) | (u128)load64(key + 24) << 64;
    store64(tag, (u64)sum);
    store64(tag + 8, (u64)(sum >> 64));
}

int crypto_secretbox(u8 *c, const u8 *m, unsigned long long length, const u8 *nonce, const u8 *key)
{
    if (length < 32)
        return -1;
    u8 tag[16];
    xsalsa20_xor(c, m, length, nonce, key);
    poly1305(tag, c + 32, length - 32, c);
    memset(c, 0, 16);
    memcpy(c + 16, tag, 16);
    return 0;
}

int crypto_secretbox_open(u8 *m, const u8 *c, unsigned long long length, const u8 *nonce, const u8 *key)
{
    static const u8 zeros[32];
    u8 tag_key[32], tag[16], differ = 0;
    if (length < 32)
        return -1;
    xsalsa20_xor(tag_key, zeros, 32, nonce, key);
    poly1305(tag, c + 32, length - 32, tag_key);
    for (int i = 0; i < 16; i++)
        differ |= tag[i] ^ c[16 + i];
    if (differ)
        return -1;
    xsalsa20_xor(m, c, length, nonce, key);
    memset(m, 0, 32);
    return 0;
}

int crypto_box_keypair(u8 *public_key, u8 *secret_key)
{
    randombytes(secret_key, 32);
    return crypto_scalarmult_base(public_key, secret_key);
}

int crypto_box_beforenm(u8 *key, const u8 *public_key, const u8 *secret_key)
{
    static const u8 zeros[16];
    u8 shared[32];
    if (crypto_scalarmult(shared, secret_key, public_key) != 0)
        return -1;
    hsalsa20(key, zeros, shared);
    return 0;
}

int crypto_box_afternm(u8 *c, const u8 *m, unsigned long long length, const u8 *nonce, const u8 *key)
{
    return crypto_secretbox(c, m, length, nonce, key);
}

int crypto_box_open_afternm(u8 *m, const u8 *c, unsigned long long length, const u8 *nonce, const u8 *key)
{
    return crypto_secretbox_open(m, c, length, nonce, key);
}

int crypto_box(u8 *c, const u8 *m, unsigned long long length, const u8 *nonce, const u8 *public_key,
               const u8 *secret_key)
{
    u8 key[32];
    if (crypto_box_beforenm(key, public_key, secret_key) != 0)
        return -1;
    return crypto_secretbox(c, m, length, nonce, key);
}

int crypto_box_open(u8 *m, const u8 *c, unsigned long long length, const u8 *nonce, const u8 *public_key,
                    const u8 *secret_key)
{
    u8 key[32];
    if (crypto_box_beforenm(key, public_key, secret_key) != 0)
        return -1;
    return crypto_secretbox_open(m, c, length, nonce, key);
}

int sodium_init(void)
{
    return 0;
}

void *sodium_allocarray(size_t count, size_t size)
{
    return calloc(count ? count : 1, size);
}

void sodium_free(void *memory)
{
    free(memory);
}

void sodium_memzero(void *memory, size_t length)
{
    explicit_bzero(memory, length);
}

void randombytes(u8 *out, unsigned long long length)
{
    while (length > 0) {
        ssize_t n = getrandom(out, length < 256 ? (size_t)length : 256, 0);
        if (n < 0)
            continue;
        out += n;
        length -= (unsigned long long)n;
    }
}

void randombytes_close(void)
{
}
