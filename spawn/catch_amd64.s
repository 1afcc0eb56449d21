//go:build linux

#include "textflag.h"

// func noteSignal()
// A signal handler, called by the kernel as C code would be, with the signal's number in DI.
TEXT ·noteSignal(SB), NOSPLIT|NOFRAME, $0
	MOVL DI, CX
	MOVL $1, AX
	SHLL CX, AX
	LOCK
	ORL  AX, ·notedSignals(SB)
	MOVL $1, AX               // write
	MOVL ·signalBell(SB), DI
	LEAQ ·bellValue(SB), SI
	MOVL $8, DX
	SYSCALL
	RET

// func passSignal()
// A signal handler that does nothing.
TEXT ·passSignal(SB), NOSPLIT|NOFRAME, $0
	RET

// func signalHandlers() (note, pass uintptr)
TEXT ·signalHandlers(SB), NOSPLIT, $0-16
	LEAQ ·noteSignal(SB), AX
	MOVQ AX, note+0(FP)
	LEAQ ·passSignal(SB), AX
	MOVQ AX, pass+8(FP)
	RET
