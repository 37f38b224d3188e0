/* Go, behind struct adapter. */
#ifndef GOAUDIT_ADAPTER_GO_GO_H
#define GOAUDIT_ADAPTER_GO_GO_H

struct adapter;

extern const struct adapter go_adapter;

#endif
