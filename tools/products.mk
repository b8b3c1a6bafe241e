# What is made of cargo's libraries. Run by tools/build.sh in the folder that holds them, where
# hexz-source leads to the project.

src    := hexz-source
tool_c := $(src)/c-examples/hexz.c $(wildcard $(src)/c-examples/hexz/*.c)
tool_o := $(tool_c:$(src)/c-examples/%.c=tool/%.o)
here   := $(shell pwd -P | sed 's/ /\\ /g')
top    := $(shell cd $(src) && pwd -P | sed 's/ /\\ /g')

ifneq ($(SHARED),)
hexz: $(tool_o) $(PROFILE)/libhexz.so built
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(tool_o) -L$(PROFILE) -lhexz -Wl,-rpath,'$$ORIGIN/$(PROFILE)'
else
hexz: $(tool_o) libhexz.a built
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(tool_o) libhexz.a $(UNWINDER) -lutil -lrt -lpthread -lm -ldl -lc
endif

tool/%.o: $(src)/c-examples/%.c $(src)/include/hexz.h $(wildcard $(src)/c-examples/hexz/*.h) built
	@mkdir -p $(@D)
	$(CC) -std=c99 -Wall -Wextra -Wpedantic -ffile-prefix-map=$(here)=/build -ffile-prefix-map=$(top)=/hexz \
	    -ffile-prefix-map=$(src)=/hexz $(CPPFLAGS) $(CFLAGS) -I$(src)/include -c -o $@ $<

libhexz.a: $(PROFILE)/libhexz.a $(src)/tools/static.sh
	LD='$(LD)' OBJCOPY='$(OBJCOPY)' AR='$(AR)' $(src)/tools/static.sh $< $@

.DELETE_ON_ERROR:
