# blixardd and blixard-vm.
