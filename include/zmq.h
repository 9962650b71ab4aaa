/* SPDX-License-Identifier: MPL-2.0 */

/*
 * The C API of ZeroMQ 4.3.5.
 *
 * Made by cbindgen from src/consts and src/capi; change those, and run `make header`.
 */

#ifndef __ZMQ_H_INCLUDED__
#define __ZMQ_H_INCLUDED__

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ZMQ_DEFINED_STDINT 1

#if defined(ZMQ_NO_EXPORT)
#define ZMQ_EXPORT
#elif defined(_WIN32)
#if defined(ZMQ_STATIC)
#define ZMQ_EXPORT
#elif defined(DLL_EXPORT)
#define ZMQ_EXPORT __declspec(dllexport)
#else
#define ZMQ_EXPORT __declspec(dllimport)
#endif
#elif defined(__SUNPRO_C) || defined(__SUNPRO_CC)
#define ZMQ_EXPORT __global
#elif defined(__GNUC__) || defined(__INTEL_COMPILER)
#define ZMQ_EXPORT __attribute__((visibility("default")))
#else
#define ZMQ_EXPORT
#endif

#if defined(__GNUC__) || defined(__INTEL_COMPILER) || defined(__SUNPRO_C) || defined(__SUNPRO_CC)
#define ZMQ_ALIGNED(bytes) __attribute__((aligned(bytes)))
#else
#define ZMQ_ALIGNED(bytes)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Versions as numbers that compare. */
#define ZMQ_MAKE_VERSION(major, minor, patch) ((major) * 10000 + (minor) * 100 + (patch))
#define ZMQ_VERSION ZMQ_MAKE_VERSION(ZMQ_VERSION_MAJOR, ZMQ_VERSION_MINOR, ZMQ_VERSION_PATCH)

/* Tell that there are the timers, and of the draft API the pollers. */
#define ZMQ_HAVE_TIMERS
#ifdef ZMQ_BUILD_DRAFT_API
#define ZMQ_HAVE_POLLER
#endif

/* The errno values of POSIX that some systems lack. */
#ifndef ENOTSUP
#define ENOTSUP (ZMQ_HAUSNUMERO + 1)
#endif
#ifndef EPROTONOSUPPORT
#define EPROTONOSUPPORT (ZMQ_HAUSNUMERO + 2)
#endif
#ifndef ENOBUFS
#define ENOBUFS (ZMQ_HAUSNUMERO + 3)
#endif
#ifndef ENETDOWN
#define ENETDOWN (ZMQ_HAUSNUMERO + 4)
#endif
#ifndef EADDRINUSE
#define EADDRINUSE (ZMQ_HAUSNUMERO + 5)
#endif
#ifndef EADDRNOTAVAIL
#define EADDRNOTAVAIL (ZMQ_HAUSNUMERO + 6)
#endif
#ifndef ECONNREFUSED
#define ECONNREFUSED (ZMQ_HAUSNUMERO + 7)
#endif
#ifndef EINPROGRESS
#define EINPROGRESS (ZMQ_HAUSNUMERO + 8)
#endif
#ifndef ENOTSOCK
#define ENOTSOCK (ZMQ_HAUSNUMERO + 9)
#endif
#ifndef EMSGSIZE
#define EMSGSIZE (ZMQ_HAUSNUMERO + 10)
#endif
#ifndef EAFNOSUPPORT
#define EAFNOSUPPORT (ZMQ_HAUSNUMERO + 11)
#endif
#ifndef ENETUNREACH
#define ENETUNREACH (ZMQ_HAUSNUMERO + 12)
#endif
#ifndef ECONNABORTED
#define ECONNABORTED (ZMQ_HAUSNUMERO + 13)
#endif
#ifndef ECONNRESET
#define ECONNRESET (ZMQ_HAUSNUMERO + 14)
#endif
#ifndef ENOTCONN
#define ENOTCONN (ZMQ_HAUSNUMERO + 15)
#endif
#ifndef ETIMEDOUT
#define ETIMEDOUT (ZMQ_HAUSNUMERO + 16)
#endif
#ifndef EHOSTUNREACH
#define EHOSTUNREACH (ZMQ_HAUSNUMERO + 17)
#endif
#ifndef ENETRESET
#define ENETRESET (ZMQ_HAUSNUMERO + 18)
#endif

struct iovec;

/* The version that this library is a drop-in for (zmq_version(3)). */
#define ZMQ_VERSION_MAJOR 4
#define ZMQ_VERSION_MINOR 3
#define ZMQ_VERSION_PATCH 5

/* The base of the errno values that no system defines. */
#define ZMQ_HAUSNUMERO 156384712

/* The errno values of ZeroMQ itself (zmq_errno(3)). */
#define EFSM (ZMQ_HAUSNUMERO + 51)
#define ENOCOMPATPROTO (ZMQ_HAUSNUMERO + 52)
#define ETERM (ZMQ_HAUSNUMERO + 53)
#define EMTHREAD (ZMQ_HAUSNUMERO + 54)

/* Context options (zmq_ctx_set(3), zmq_ctx_get(3)). */
#define ZMQ_IO_THREADS 1
#define ZMQ_MAX_SOCKETS 2
#define ZMQ_SOCKET_LIMIT 3
#define ZMQ_THREAD_PRIORITY 3
#define ZMQ_THREAD_SCHED_POLICY 4
#define ZMQ_MAX_MSGSZ 5
#define ZMQ_MSG_T_SIZE 6
#define ZMQ_THREAD_AFFINITY_CPU_ADD 7
#define ZMQ_THREAD_AFFINITY_CPU_REMOVE 8
#define ZMQ_THREAD_NAME_PREFIX 9

/* What a new context starts with. */
#define ZMQ_IO_THREADS_DFLT 1
#define ZMQ_MAX_SOCKETS_DFLT 1023
#define ZMQ_THREAD_PRIORITY_DFLT -1
#define ZMQ_THREAD_SCHED_POLICY_DFLT -1

/* Socket types (zmq_socket(3)). */
#define ZMQ_PAIR 0
#define ZMQ_PUB 1
#define ZMQ_SUB 2
#define ZMQ_REQ 3
#define ZMQ_REP 4
#define ZMQ_DEALER 5
#define ZMQ_ROUTER 6
#define ZMQ_PULL 7
#define ZMQ_PUSH 8
#define ZMQ_XPUB 9
#define ZMQ_XSUB 10
#define ZMQ_STREAM 11

/* Former names of socket types. */
#define ZMQ_XREQ ZMQ_DEALER
#define ZMQ_XREP ZMQ_ROUTER

/* Socket options (zmq_setsockopt(3), zmq_getsockopt(3)). */
#define ZMQ_AFFINITY 4
#define ZMQ_ROUTING_ID 5
#define ZMQ_SUBSCRIBE 6
#define ZMQ_UNSUBSCRIBE 7
#define ZMQ_RATE 8
#define ZMQ_RECOVERY_IVL 9
#define ZMQ_SNDBUF 11
#define ZMQ_RCVBUF 12
#define ZMQ_RCVMORE 13
#define ZMQ_FD 14
#define ZMQ_EVENTS 15
#define ZMQ_TYPE 16
#define ZMQ_LINGER 17
#define ZMQ_RECONNECT_IVL 18
#define ZMQ_BACKLOG 19
#define ZMQ_RECONNECT_IVL_MAX 21
#define ZMQ_MAXMSGSIZE 22
#define ZMQ_SNDHWM 23
#define ZMQ_RCVHWM 24
#define ZMQ_MULTICAST_HOPS 25
#define ZMQ_RCVTIMEO 27
#define ZMQ_SNDTIMEO 28
#define ZMQ_LAST_ENDPOINT 32
#define ZMQ_ROUTER_MANDATORY 33
#define ZMQ_TCP_KEEPALIVE 34
#define ZMQ_TCP_KEEPALIVE_CNT 35
#define ZMQ_TCP_KEEPALIVE_IDLE 36
#define ZMQ_TCP_KEEPALIVE_INTVL 37
#define ZMQ_IMMEDIATE 39
#define ZMQ_XPUB_VERBOSE 40
#define ZMQ_ROUTER_RAW 41
#define ZMQ_IPV6 42
#define ZMQ_MECHANISM 43
#define ZMQ_PLAIN_SERVER 44
#define ZMQ_PLAIN_USERNAME 45
#define ZMQ_PLAIN_PASSWORD 46
#define ZMQ_CURVE_SERVER 47
#define ZMQ_CURVE_PUBLICKEY 48
#define ZMQ_CURVE_SECRETKEY 49
#define ZMQ_CURVE_SERVERKEY 50
#define ZMQ_PROBE_ROUTER 51
#define ZMQ_REQ_CORRELATE 52
#define ZMQ_REQ_RELAXED 53
#define ZMQ_CONFLATE 54
#define ZMQ_ZAP_DOMAIN 55
#define ZMQ_ROUTER_HANDOVER 56
#define ZMQ_TOS 57
#define ZMQ_CONNECT_ROUTING_ID 61
#define ZMQ_GSSAPI_SERVER 62
#define ZMQ_GSSAPI_PRINCIPAL 63
#define ZMQ_GSSAPI_SERVICE_PRINCIPAL 64
#define ZMQ_GSSAPI_PLAINTEXT 65
#define ZMQ_HANDSHAKE_IVL 66
#define ZMQ_SOCKS_PROXY 68
#define ZMQ_XPUB_NODROP 69
#define ZMQ_BLOCKY 70
#define ZMQ_XPUB_MANUAL 71
#define ZMQ_XPUB_WELCOME_MSG 72
#define ZMQ_STREAM_NOTIFY 73
#define ZMQ_INVERT_MATCHING 74
#define ZMQ_HEARTBEAT_IVL 75
#define ZMQ_HEARTBEAT_TTL 76
#define ZMQ_HEARTBEAT_TIMEOUT 77
#define ZMQ_XPUB_VERBOSER 78
#define ZMQ_CONNECT_TIMEOUT 79
#define ZMQ_TCP_MAXRT 80
#define ZMQ_THREAD_SAFE 81
#define ZMQ_MULTICAST_MAXTPDU 84
#define ZMQ_VMCI_BUFFER_SIZE 85
#define ZMQ_VMCI_BUFFER_MIN_SIZE 86
#define ZMQ_VMCI_BUFFER_MAX_SIZE 87
#define ZMQ_VMCI_CONNECT_TIMEOUT 88
#define ZMQ_USE_FD 89
#define ZMQ_GSSAPI_PRINCIPAL_NAMETYPE 90
#define ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE 91
#define ZMQ_BINDTODEVICE 92

/* Message properties (zmq_msg_get(3)). */
#define ZMQ_MORE 1
#define ZMQ_SHARED 3

/* Flags for sending and receiving (zmq_send(3), zmq_recv(3)). */
#define ZMQ_DONTWAIT 1
#define ZMQ_SNDMORE 2

/* Security mechanisms, as the option ZMQ_MECHANISM tells them. */
#define ZMQ_NULL 0
#define ZMQ_PLAIN 1
#define ZMQ_CURVE 2
#define ZMQ_GSSAPI 3

/* The longest name of a group that RADIO and DISH take, in bytes. */
#define ZMQ_GROUP_MAX_LENGTH 255

/* Deprecated socket options, and former names of options and flags. */
#define ZMQ_IDENTITY ZMQ_ROUTING_ID
#define ZMQ_CONNECT_RID ZMQ_CONNECT_ROUTING_ID
#define ZMQ_TCP_ACCEPT_FILTER 38
#define ZMQ_IPC_FILTER_PID 58
#define ZMQ_IPC_FILTER_UID 59
#define ZMQ_IPC_FILTER_GID 60
#define ZMQ_IPV4ONLY 31
#define ZMQ_DELAY_ATTACH_ON_CONNECT ZMQ_IMMEDIATE
#define ZMQ_NOBLOCK ZMQ_DONTWAIT
#define ZMQ_FAIL_UNROUTABLE ZMQ_ROUTER_MANDATORY
#define ZMQ_ROUTER_BEHAVIOR ZMQ_ROUTER_MANDATORY

/* Deprecated message property: the descriptor a message came from. */
#define ZMQ_SRCFD 2

/* How GSSAPI reads a principal (zmq_gssapi(7)). */
#define ZMQ_GSSAPI_NT_HOSTBASED 0
#define ZMQ_GSSAPI_NT_USER_NAME 1
#define ZMQ_GSSAPI_NT_KRB5_PRINCIPAL 2

/* Monitor events, one bit each (zmq_socket_monitor(3)). */
#define ZMQ_EVENT_CONNECTED 1
#define ZMQ_EVENT_CONNECT_DELAYED 2
#define ZMQ_EVENT_CONNECT_RETRIED 4
#define ZMQ_EVENT_LISTENING 8
#define ZMQ_EVENT_BIND_FAILED 16
#define ZMQ_EVENT_ACCEPTED 32
#define ZMQ_EVENT_ACCEPT_FAILED 64
#define ZMQ_EVENT_CLOSED 128
#define ZMQ_EVENT_CLOSE_FAILED 256
#define ZMQ_EVENT_DISCONNECTED 512
#define ZMQ_EVENT_MONITOR_STOPPED 1024
#define ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL 2048
#define ZMQ_EVENT_HANDSHAKE_SUCCEEDED 4096
#define ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL 8192
#define ZMQ_EVENT_HANDSHAKE_FAILED_AUTH 16384
#define ZMQ_EVENT_ALL 65535

/* What ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL tells: errors in the protocol of a peer. */
#define ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED 268435456
#define ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND 268435457
#define ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE 268435458
#define ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE 268435459
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED 268435473
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE 268435474
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO 268435475
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE 268435476
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR 268435477
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY 268435478
#define ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME 268435479
#define ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA 268435480
#define ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC 285212673
#define ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH 285212674

/* What it tells besides: errors in the reply of the ZAP handler. */
#define ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED 536870912
#define ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY 536870913
#define ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID 536870914
#define ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION 536870915
#define ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE 536870916
#define ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA 536870917

/* What it tells besides: errors in the WebSocket handshake. */
#define ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED 805306368

/* Events of a poll item, one bit each (zmq_poll(3)). */
#define ZMQ_POLLIN 1
#define ZMQ_POLLOUT 2
#define ZMQ_POLLERR 4
#define ZMQ_POLLPRI 8

/* How many poll items to provide for, where nothing better is known. */
#define ZMQ_POLLITEMS_DFLT 16

/* Tells that there is zmq_has(3). */
#define ZMQ_HAS_CAPABILITIES 1

/* Device types, which zmq_device() no longer looks at. */
#define ZMQ_STREAMER 1
#define ZMQ_FORWARDER 2
#define ZMQ_QUEUE 3

/* What a thread runs. */
typedef void (zmq_thread_fn)(void*);

/* The calling thread's errno. */
ZMQ_EXPORT int zmq_errno(void);

/* The text of an errno value, in English for those of ZeroMQ; it is not to be freed. */
ZMQ_EXPORT const char *zmq_strerror(int errnum_);

/* The version of the library, in three numbers. */
ZMQ_EXPORT void zmq_version(int *major_, int *minor_, int *patch_);

/* Whether the library has a transport or mechanism: 1 or 0. */
ZMQ_EXPORT int zmq_has(const char *capability_);

/* Starts a stopwatch; zmq_stopwatch_stop() frees it. */
ZMQ_EXPORT void *zmq_stopwatch_start(void);

/* The microseconds since the start. The stopwatch runs on. */
ZMQ_EXPORT unsigned long zmq_stopwatch_intermediate(void *watch_);

/* The microseconds since the start. The stopwatch is freed. */
ZMQ_EXPORT unsigned long zmq_stopwatch_stop(void *watch_);

/* Sleeps for some seconds, or until a signal comes. */
ZMQ_EXPORT void zmq_sleep(int seconds_);

/* Starts a thread with all signals blocked; zmq_threadclose() frees the handle. */
ZMQ_EXPORT void *zmq_threadstart(zmq_thread_fn func_, void *arg_);

/* Waits for the thread's end and frees the handle. */
ZMQ_EXPORT void zmq_threadclose(void *thread_);

/* A new context; end it with zmq_ctx_term(). */
ZMQ_EXPORT void *zmq_ctx_new(void);

/* Ends a context, once its sockets are closed and what they had to send is sent or given up. */
ZMQ_EXPORT int zmq_ctx_term(void *context_);

/* Makes what blocks in a context fail with ETERM. */
ZMQ_EXPORT int zmq_ctx_shutdown(void *context_);

/* Sets an option of a context. */
ZMQ_EXPORT int zmq_ctx_set(void *context_, int option_, int optval_);

/* The value of an option of a context. */
ZMQ_EXPORT int zmq_ctx_get(void *context_, int option_);

/* Deprecated: zmq_ctx_new() with a number of I/O threads. */
ZMQ_EXPORT void *zmq_init(int io_threads_);

/* Deprecated: zmq_ctx_term(). */
ZMQ_EXPORT int zmq_term(void *context_);

/* Deprecated: zmq_ctx_term(). */
ZMQ_EXPORT int zmq_ctx_destroy(void *context_);

#if defined(ZMQ_BUILD_DRAFT_API)
/* Sets an option of a context to a value of any type. */
ZMQ_EXPORT int zmq_ctx_set_ext(void *context_, int option_, const void *optval_, size_t optvallen_);

/* Reads an option of a context of any type. */
ZMQ_EXPORT int zmq_ctx_get_ext(void *context_, int option_, void *optval_, size_t *optvallen_);
#endif

/* A message. What is in it is the library's business; its address must not change between calls. */
typedef struct ZMQ_ALIGNED(8) zmq_msg_t {
    unsigned char _[64];
} zmq_msg_t;

/* What frees the data of a message made by zmq_msg_init_data(); any thread may call it. */
typedef void (zmq_free_fn)(void *data_, void *hint_);

/* Makes an empty message. */
ZMQ_EXPORT int zmq_msg_init(zmq_msg_t *msg_);

/* Makes a message of some bytes, not yet filled in. */
ZMQ_EXPORT int zmq_msg_init_size(zmq_msg_t *msg_, size_t size_);

/* Makes a message of the given data, which ffn_ frees once it is no longer used. */
ZMQ_EXPORT
int zmq_msg_init_data(zmq_msg_t *msg_,
                      void *data_,
                      size_t size_,
                      zmq_free_fn ffn_,
                      void *hint_);

/* Frees what a message holds. */
ZMQ_EXPORT int zmq_msg_close(zmq_msg_t *msg_);

/* Moves a message in place of another, and leaves an empty one. */
ZMQ_EXPORT int zmq_msg_move(zmq_msg_t *dest_, zmq_msg_t *src_);

/* Copies a message in place of another; they may share their data. */
ZMQ_EXPORT int zmq_msg_copy(zmq_msg_t *dest_, zmq_msg_t *src_);

/* Where the data of a message is. */
ZMQ_EXPORT void *zmq_msg_data(zmq_msg_t *msg_);

/* The size of a message in bytes. */
ZMQ_EXPORT size_t zmq_msg_size(const zmq_msg_t *msg_);

#if defined(ZMQ_BUILD_DRAFT_API)
/* Makes a message of a copy of the given bytes. */
ZMQ_EXPORT int zmq_msg_init_buffer(zmq_msg_t *msg_, const void *buf_, size_t size_);
#endif

/* Whether more parts of the same message follow: 1 or 0. */
ZMQ_EXPORT int zmq_msg_more(const zmq_msg_t *msg_);

/* A property of a message. */
ZMQ_EXPORT int zmq_msg_get(const zmq_msg_t *msg_, int property_);

/* Sets a property of a message; there are none that can be. */
ZMQ_EXPORT int zmq_msg_set(zmq_msg_t *msg_, int property_, int optval_);

/* A property of a message, by name. The text lives as long as the message. */
ZMQ_EXPORT const char *zmq_msg_gets(const zmq_msg_t *msg_, const char *property_);

#if defined(ZMQ_BUILD_DRAFT_API)
/* Names the peer that a message for SERVER or PEER goes to. */
ZMQ_EXPORT int zmq_msg_set_routing_id(zmq_msg_t *msg, uint32_t routing_id);

/* The peer that a message came from, or 0. */
ZMQ_EXPORT uint32_t zmq_msg_routing_id(zmq_msg_t *msg);

/* Names the group that a message of RADIO goes to. */
ZMQ_EXPORT int zmq_msg_set_group(zmq_msg_t *msg, const char *group);

/* The group that a message came in. The text lives as long as the message. */
ZMQ_EXPORT const char *zmq_msg_group(zmq_msg_t *msg);
#endif

/* A new socket of a context; free it with zmq_close(). */
ZMQ_EXPORT void *zmq_socket(void *context_, int type_);

/* Closes a socket. What it has to send is sent in the background, as ZMQ_LINGER says. */
ZMQ_EXPORT int zmq_close(void *s_);

/* Sets an option of a socket. */
ZMQ_EXPORT int zmq_setsockopt(void *s_, int option_, const void *optval_, size_t optvallen_);

/* Reads an option of a socket. */
ZMQ_EXPORT int zmq_getsockopt(void *s_, int option_, void *optval_, size_t *optvallen_);

#if defined(ZMQ_BUILD_DRAFT_API)
/* Lets a DISH receive the messages of a group. */
ZMQ_EXPORT int zmq_join(void *s, const char *group);

/* Undoes zmq_join(). */
ZMQ_EXPORT int zmq_leave(void *s, const char *group);

/* What a ROUTER could do with a peer now: ZMQ_POLLIN, ZMQ_POLLOUT. */
ZMQ_EXPORT
int zmq_socket_get_peer_state(void *socket,
                              const void *routing_id,
                              size_t routing_id_size);
#endif

/* Listens at an endpoint. */
ZMQ_EXPORT int zmq_bind(void *s_, const char *addr_);

/* Connects to an endpoint, now or once it is there. */
ZMQ_EXPORT int zmq_connect(void *s_, const char *addr_);

/* Ceases to listen at an endpoint. */
ZMQ_EXPORT int zmq_unbind(void *s_, const char *addr_);

/* Disconnects from an endpoint. */
ZMQ_EXPORT int zmq_disconnect(void *s_, const char *addr_);

#if defined(ZMQ_BUILD_DRAFT_API)
/* Connects a PEER and returns the routing id of the other side, or 0. */
ZMQ_EXPORT uint32_t zmq_connect_peer(void *s_, const char *addr_);
#endif

/* Sends a copy of some bytes as a message; returns their number. */
ZMQ_EXPORT int zmq_send(void *s_, const void *buf_, size_t len_, int flags_);

/* Sends bytes that never change or go as a message; returns their number. */
ZMQ_EXPORT int zmq_send_const(void *s_, const void *buf_, size_t len_, int flags_);

/* Sends a message, and leaves an empty one; returns its size in bytes. */
ZMQ_EXPORT int zmq_msg_send(zmq_msg_t *msg_, void *s_, int flags_);

/* Deprecated: zmq_msg_send(). */
ZMQ_EXPORT int zmq_sendmsg(void *s_, zmq_msg_t *msg_, int flags_);

/* Sends each buffer as a message, or all as one with ZMQ_SNDMORE. */
ZMQ_EXPORT int zmq_sendiov(void *s_, struct iovec *iov_, size_t count_, int flags_);

/* Receives a message, as far as it fits; returns its size in bytes. */
ZMQ_EXPORT int zmq_recv(void *s_, void *buf_, size_t len_, int flags_);

/* Receives a message in place of the one there; returns its size in bytes. */
ZMQ_EXPORT int zmq_msg_recv(zmq_msg_t *msg_, void *s_, int flags_);

/* Deprecated: zmq_msg_recv(). */
ZMQ_EXPORT int zmq_recvmsg(void *s_, zmq_msg_t *msg_, int flags_);

/* Receives the parts of a message, each in a buffer that free() frees. */
ZMQ_EXPORT int zmq_recviov(void *s_, struct iovec *iov_, size_t *count_, int flags_);

/* Sends the events of a socket to an inproc endpoint; null ends that. */
ZMQ_EXPORT int zmq_socket_monitor(void *s_, const char *addr_, int events_);

#if defined(ZMQ_BUILD_DRAFT_API)
/* Sends the events of a socket in a version of the format, from a socket of some type. */
ZMQ_EXPORT
int zmq_socket_monitor_versioned(void *s_,
                                 const char *addr_,
                                 uint64_t events_,
                                 int event_version_,
                                 int type_);

/* Has the monitor report how full the pipes of a socket are. */
ZMQ_EXPORT int zmq_socket_monitor_pipes_stats(void *s);
#endif

/* A file descriptor. */
typedef int zmq_fd_t;

/* What to wait for: a socket, or a file descriptor where that is null. */
typedef struct zmq_pollitem_t {
    /* The socket, or null. */
    void *socket;
    /* The file descriptor, where there is no socket. */
    zmq_fd_t fd;
    /* The events to wait for. */
    short events;
    /* The events there are. */
    short revents;
} zmq_pollitem_t;

/* Waits for events of sockets and descriptors; returns how many items have some. */
ZMQ_EXPORT int zmq_poll(zmq_pollitem_t *items_, int nitems_, long timeout_);

#if defined(ZMQ_BUILD_DRAFT_API)
/* As zmq_poll(), with another signal mask meanwhile. */
ZMQ_EXPORT
int zmq_ppoll(zmq_pollitem_t *items_,
              int nitems_,
              long timeout_,
              const sigset_t *sigmask_);
#endif

/* Forwards messages between two sockets, until the context ends. */
ZMQ_EXPORT int zmq_proxy(void *frontend_, void *backend_, void *capture_);

/* As zmq_proxy(), with a socket that takes the commands PAUSE, RESUME, TERMINATE and STATISTICS. */
ZMQ_EXPORT int zmq_proxy_steerable(void *frontend_, void *backend_, void *capture_, void *control_);

/* Deprecated: zmq_proxy(). */
ZMQ_EXPORT int zmq_device(int type_, void *frontend_, void *backend_);

/* Encodes bytes, a multiple of 4, as text in Z85. */
ZMQ_EXPORT char *zmq_z85_encode(char *dest_, const uint8_t *data_, size_t size_);

/* Decodes text in Z85, a multiple of 5 characters, to bytes. */
ZMQ_EXPORT uint8_t *zmq_z85_decode(uint8_t *dest_, const char *string_);

/* Makes a pair of CURVE keys, each 40 characters of Z85 and a zero byte. */
ZMQ_EXPORT int zmq_curve_keypair(char *z85_public_key_, char *z85_secret_key_);

/* Derives the public key of a secret one, both 40 characters of Z85 and a zero byte. */
ZMQ_EXPORT int zmq_curve_public(char *z85_public_key_, const char *z85_secret_key_);

/* A new counter at 0; free it with zmq_atomic_counter_destroy(). */
ZMQ_EXPORT void *zmq_atomic_counter_new(void);

/* Sets the counter. */
ZMQ_EXPORT void zmq_atomic_counter_set(void *counter_, int value_);

/* Adds 1 and returns the value before. */
ZMQ_EXPORT int zmq_atomic_counter_inc(void *counter_);

/* Takes 1 off and returns 0 when that makes the counter 0, else 1. */
ZMQ_EXPORT int zmq_atomic_counter_dec(void *counter_);

/* The value of the counter. */
ZMQ_EXPORT int zmq_atomic_counter_value(void *counter_);

/* Frees the counter and sets the handle to null. */
ZMQ_EXPORT void zmq_atomic_counter_destroy(void **counter_p_);

/* What is called when a timer is due: with its id, and the argument it was added with. */
typedef void (zmq_timer_fn)(int timer_id, void *arg);

/* A set without timers; free it with zmq_timers_destroy(). */
ZMQ_EXPORT void *zmq_timers_new(void);

/* Frees the timers and sets the handle to null. */
ZMQ_EXPORT int zmq_timers_destroy(void **timers_p);

/* Adds a timer that is due after each interval, in milliseconds, and returns its id. */
ZMQ_EXPORT int zmq_timers_add(void *timers, size_t interval, zmq_timer_fn handler, void *arg);

/* Cancels a timer. */
ZMQ_EXPORT int zmq_timers_cancel(void *timers, int timer_id);

/* Gives a timer another interval, in milliseconds, which starts now. */
ZMQ_EXPORT int zmq_timers_set_interval(void *timers, int timer_id, size_t interval);

/* Starts a timer's interval anew. */
ZMQ_EXPORT int zmq_timers_reset(void *timers, int timer_id);

/* The milliseconds until a timer is due, or -1 when there are no timers, which leaves errno alone. */
ZMQ_EXPORT long zmq_timers_timeout(void *timers);

/* Calls the handlers of the timers that are due. */
ZMQ_EXPORT int zmq_timers_execute(void *timers);

#ifdef ZMQ_BUILD_DRAFT_API

/* Socket types (zmq_socket(3)). */
#define ZMQ_SERVER 12
#define ZMQ_CLIENT 13
#define ZMQ_RADIO 14
#define ZMQ_DISH 15
#define ZMQ_GATHER 16
#define ZMQ_SCATTER 17
#define ZMQ_DGRAM 18
#define ZMQ_PEER 19
#define ZMQ_CHANNEL 20

/* Socket options (zmq_setsockopt(3), zmq_getsockopt(3)). */
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#define ZMQ_LOOPBACK_FASTPATH 94
#define ZMQ_METADATA 95
#define ZMQ_MULTICAST_LOOP 96
#define ZMQ_ROUTER_NOTIFY 97
#define ZMQ_XPUB_MANUAL_LAST_VALUE 98
#define ZMQ_SOCKS_USERNAME 99
#define ZMQ_SOCKS_PASSWORD 100
#define ZMQ_IN_BATCH_SIZE 101
#define ZMQ_OUT_BATCH_SIZE 102
#define ZMQ_WSS_KEY_PEM 103
#define ZMQ_WSS_CERT_PEM 104
#define ZMQ_WSS_TRUST_PEM 105
#define ZMQ_WSS_HOSTNAME 106
#define ZMQ_WSS_TRUST_SYSTEM 107
#define ZMQ_ONLY_FIRST_SUBSCRIBE 108
#define ZMQ_RECONNECT_STOP 109
#define ZMQ_HELLO_MSG 110
#define ZMQ_DISCONNECT_MSG 111
#define ZMQ_PRIORITY 112
#define ZMQ_BUSY_POLL 113
#define ZMQ_HICCUP_MSG 114
#define ZMQ_XSUB_VERBOSE_UNSUBSCRIBE 115
#define ZMQ_TOPICS_COUNT 116
#define ZMQ_NORM_MODE 117
#define ZMQ_NORM_UNICAST_NACK 118
#define ZMQ_NORM_BUFFER_SIZE 119
#define ZMQ_NORM_SEGMENT_SIZE 120
#define ZMQ_NORM_BLOCK_SIZE 121
#define ZMQ_NORM_NUM_PARITY 122
#define ZMQ_NORM_NUM_AUTOPARITY 123
#define ZMQ_NORM_PUSH 124

/* Values of ZMQ_NORM_MODE. */
#define ZMQ_NORM_FIXED 0
#define ZMQ_NORM_CC 1
#define ZMQ_NORM_CCL 2
#define ZMQ_NORM_CCE 3
#define ZMQ_NORM_CCE_ECNONLY 4

/* Values of ZMQ_RECONNECT_STOP, one bit each. */
#define ZMQ_RECONNECT_STOP_CONN_REFUSED 1
#define ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED 2
#define ZMQ_RECONNECT_STOP_AFTER_DISCONNECT 4

/* Context options (zmq_ctx_set(3)). */
#define ZMQ_ZERO_COPY_RECV 10

/* Values of ZMQ_ROUTER_NOTIFY, one bit each. */
#define ZMQ_NOTIFY_CONNECT 1
#define ZMQ_NOTIFY_DISCONNECT 2

/* Monitor events (zmq_socket_monitor_versioned(3)). */
#define ZMQ_EVENT_PIPES_STATS 65536

/* Versions of the messages a monitor sends. */
#define ZMQ_CURRENT_EVENT_VERSION 1
#define ZMQ_CURRENT_EVENT_VERSION_DRAFT 2

/* All the events of each version. */
#define ZMQ_EVENT_ALL_V1 ZMQ_EVENT_ALL
#define ZMQ_EVENT_ALL_V2 (ZMQ_EVENT_ALL_V1 | ZMQ_EVENT_PIPES_STATS)

/* Names of message properties (zmq_msg_gets(3)). */
#define ZMQ_MSG_PROPERTY_ROUTING_ID "Routing-Id"
#define ZMQ_MSG_PROPERTY_SOCKET_TYPE "Socket-Type"
#define ZMQ_MSG_PROPERTY_USER_ID "User-Id"
#define ZMQ_MSG_PROPERTY_PEER_ADDRESS "Peer-Address"

/* What happened, and where. */
typedef struct zmq_poller_event_t {
    /* The socket, or null. */
    void *socket;
    /* The file descriptor, where there is no socket. */
    zmq_fd_t fd;
    /* What the socket or descriptor was added with. */
    void *user_data;
    /* The events there are. */
    short events;
} zmq_poller_event_t;

/* A poller without sockets; free it with zmq_poller_destroy(). */
ZMQ_EXPORT void *zmq_poller_new(void);

/* Frees the poller and sets the handle to null. */
ZMQ_EXPORT int zmq_poller_destroy(void **poller_p);

/* How many sockets and descriptors there are. */
ZMQ_EXPORT int zmq_poller_size(void *poller);

/* Adds a socket. */
ZMQ_EXPORT int zmq_poller_add(void *poller, void *socket, void *user_data, short events);

/* Changes the events waited for at a socket. */
ZMQ_EXPORT int zmq_poller_modify(void *poller, void *socket, short events);

/* Removes a socket. */
ZMQ_EXPORT int zmq_poller_remove(void *poller, void *socket);

/* Waits for one event, for some milliseconds at most, or for ever with -1. */
ZMQ_EXPORT int zmq_poller_wait(void *poller, zmq_poller_event_t *event, long timeout);

/* Waits for events, as zmq_poller_wait(), and returns how many there are. */
ZMQ_EXPORT
int zmq_poller_wait_all(void *poller,
                        zmq_poller_event_t *events,
                        int n_events,
                        long timeout);

/* A descriptor that tells of events of thread-safe sockets. */
ZMQ_EXPORT int zmq_poller_fd(void *poller, zmq_fd_t *fd);

/* Adds a descriptor. */
ZMQ_EXPORT int zmq_poller_add_fd(void *poller, zmq_fd_t fd, void *user_data, short events);

/* Changes the events waited for at a descriptor. */
ZMQ_EXPORT int zmq_poller_modify_fd(void *poller, zmq_fd_t fd, short events);

/* Removes a descriptor. */
ZMQ_EXPORT int zmq_poller_remove_fd(void *poller, zmq_fd_t fd);

#endif

#undef ZMQ_ALIGNED
#undef ZMQ_EXPORT

#ifdef __cplusplus
}
#endif

#endif
