# blixardd and blixard-vm.
include daemon/vmrun.mk
