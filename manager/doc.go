// Package manager shares objects between processes: they live in a manager, and everybody else has proxies.
package manager
