package pool

// canSample says that finalize.Census works here.
const canSample = true
