// Package sync shares locks, queues and containers between processes.
package sync
