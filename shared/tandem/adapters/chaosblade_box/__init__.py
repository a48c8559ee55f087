"""The client of a ChaosBlade-Box (https://github.com/chaosblade-io/chaosblade-box, its controllers under /chaos/)."""
