# GNU make: everything that a fuzzer runs, compiled by clang with coverage and sanitizers, in
# $(OUT). FILES are relative to SRC.
CLANG = clang
CHECKS = address,undefined
FLAGS = -std=c11 -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing -fno-sanitize-recover=all

objects = $(patsubst %.c,$(OUT)/%.o,$(filter %.c,$(FILES)))

$(OUT)/fuzz: $(objects)
	@echo "  CLANG    $@"
	@$(CLANG) -fsanitize=fuzzer,$(CHECKS) -o $@ $(objects) $(filter-out %.a,$(LIBS))

$(OUT)/%.o: $(SRC)/%.c
	@mkdir -p $(@D)
	@echo "  CLANG    $*"
	@$(CLANG) $(FLAGS) -fsanitize=fuzzer-no-link,$(CHECKS) $(DEFS) -MMD -c -o $@ $<

-include $(objects:.o=.d)
