/* SPDX-License-Identifier: MPL-2.0 */

/* Deprecated and empty: what was here is in zmq.h. */
