/* Tasks in every state that FreeRTOS has, for debuggers to look at.
 *
 * blinker waits for time, sensor for a queue, holder for time with a mutex in its hand, logger for
 * that mutex, listener for a notification; paused is suspended; crunch computes (with floating
 * point where there is some) and now and then raises an interrupt. */
#include "FreeRTOS.h"
#include "task.h"
#include "queue.h"
#include "semphr.h"
#include "../cortex.h"

#define STACK 160

QueueHandle_t samples;
SemaphoreHandle_t mutex;
TaskHandle_t listener_handle;
volatile uint32_t blinks, interrupts, crunched, readings;
volatile float factor = 1.5f, product;

__attribute__((noinline)) void rest(uint32_t ticks)
{
    vTaskDelay(ticks);
    blinks++;
}

static void blinker(void *unused)
{
    for (uint32_t beat = 100;; beat++) {
        rest(7);
        blinks += beat > 0;
    }
}

__attribute__((noinline)) uint32_t wait_for_sample(uint32_t channel)
{
    uint32_t value = 0;
    xQueueReceive(samples, &value, portMAX_DELAY);
    return value + channel;
}

static void sensor(void *unused)
{
    for (;;)
        readings += wait_for_sample(3);
}

static void holder(void *unused)
{
    xSemaphoreTake(mutex, portMAX_DELAY);
    for (;;)
        vTaskDelay(5000);
}

static void logger(void *unused)
{
    vTaskDelay(2);
    xSemaphoreTake(mutex, 4000);
    for (;;)
        vTaskDelay(1);
}

static void listener(void *unused)
{
    for (;;)
        ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
}

static void paused(void *unused)
{
    vTaskSuspend(NULL);
    for (;;)
        vTaskDelay(1);
}

/* A float that lives over a switch is in s16-s31, or on the stack where there is no FPU. */
static void measure(void *unused)
{
    for (;;) {
        float kept = factor * 2.0f;
        vTaskDelay(9);
        product = kept * factor;
    }
}

__attribute__((noinline)) void handle_interrupt(uint32_t line)
{
    interrupts += line;
}

void IRQ3_Handler(void)
{
    handle_interrupt(3);
}

__attribute__((noinline)) void crunch_on(float start)
{
    for (float sum = start;; sum += factor) {
        crunched++;
        if (crunched % 512 == 0)
            pend_irq(3);
        if (sum > 1e6f)
            sum = start;
    }
}

static void crunch(void *unused)
{
    crunch_on(0.25f);
}

void vApplicationGetIdleTaskMemory(StaticTask_t **task, StackType_t **stack, uint32_t *size)
{
    static StaticTask_t block;
    static StackType_t words[configMINIMAL_STACK_SIZE];
    *task = &block;
    *stack = words;
    *size = configMINIMAL_STACK_SIZE;
}

static StaticTask_t sensor_block;
static StackType_t sensor_stack[STACK];

int main(void)
{
    samples = xQueueCreate(4, sizeof(uint32_t));
    mutex = xSemaphoreCreateMutex();
    xTaskCreate(blinker, "blinker", STACK, NULL, 3, NULL);
    xTaskCreateStatic(sensor, "sensor", STACK, NULL, 4, sensor_stack, &sensor_block);
    xTaskCreate(holder, "holder", STACK, NULL, 1, NULL);
    xTaskCreate(logger, "logger", STACK, NULL, 2, NULL);
    xTaskCreate(listener, "listener", STACK, NULL, 2, &listener_handle);
    xTaskCreate(paused, "paused", STACK, NULL, 2, NULL);
    xTaskCreate(measure, "measure", STACK, NULL, 2, NULL);
    xTaskCreate(crunch, "crunch", STACK, NULL, 1, NULL);
    set_irq_priority(3, 0xC0);
    NVIC_ISER = 1 << 3;
    vTaskStartScheduler();
}
